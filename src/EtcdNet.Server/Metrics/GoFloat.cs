using System.Globalization;
using System.Text;

namespace EtcdNet.Server.Metrics;

/// <summary>
/// Numbers as Prometheus' own client writes them: the fewest digits that read back to the same value, with an exponent
/// when it is below -4 or above 5. Scrapes of etcd and of EtcdNet then compare byte by byte.
/// </summary>
public static class GoFloat
{
    /// <summary>Most bytes that <see cref="Format"/> writes.</summary>
    public const int LengthMax = 32;

    /// <summary>Writes <paramref name="value"/> as ASCII and returns the number of bytes.</summary>
    public static int Format(double value, Span<byte> into)
    {
        if (double.IsNaN(value)) return Put("NaN"u8, into);
        if (double.IsPositiveInfinity(value)) return Put("+Inf"u8, into);
        if (double.IsNegativeInfinity(value)) return Put("-Inf"u8, into);
        if (value == 0) return Put("0"u8, into);

        Span<byte> text = stackalloc byte[40];
        Span<byte> digits = stackalloc byte[32];
        value.TryFormat(text, out var length, "R", CultureInfo.InvariantCulture);
        var count = Digits(text[..length], digits, out var exponent);
        var sign = value < 0 ? 1 : 0;
        if (sign == 1) into[0] = (byte)'-';
        return sign + (exponent is < -4 or >= 6
            ? Scientific(digits[..count], exponent, into[sign..])
            : Plain(digits[..count], exponent, into[sign..]));
    }

    /// <summary>The same as text.</summary>
    public static string ToText(double value)
    {
        Span<byte> buffer = stackalloc byte[LengthMax];
        return Encoding.ASCII.GetString(buffer[..Format(value, buffer)]);
    }

    private static int Put(ReadOnlySpan<byte> text, Span<byte> into)
    {
        text.CopyTo(into);
        return text.Length;
    }

    /// <summary>Significant digits of a formatted number, and the power of ten of the first one.</summary>
    private static int Digits(ReadOnlySpan<byte> text, Span<byte> digits, out int exponent)
    {
        var mark = text.IndexOf((byte)'E');
        var shift = mark < 0 ? 0 : int.Parse(text[(mark + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        var mantissa = mark < 0 ? text : text[..mark];
        var count = 0;
        var point = -1;
        var seen = 0;
        var leadingZeros = 0;
        foreach (var c in mantissa)
        {
            if (c == '.') point = seen;
            if (c is < (byte)'0' or > (byte)'9') continue;
            seen++;
            if (count == 0 && c == '0') leadingZeros++;
            else digits[count++] = c;
        }
        if (point < 0) point = seen;
        while (count > 1 && digits[count - 1] == '0') count--;
        exponent = point - leadingZeros - 1 + shift;
        return count;
    }

    private static int Scientific(ReadOnlySpan<byte> digits, int exponent, Span<byte> into)
    {
        var at = 0;
        into[at++] = digits[0];
        if (digits.Length > 1)
        {
            into[at++] = (byte)'.';
            digits[1..].CopyTo(into[at..]);
            at += digits.Length - 1;
        }
        into[at++] = (byte)'e';
        into[at++] = exponent < 0 ? (byte)'-' : (byte)'+';
        Math.Abs(exponent).TryFormat(into[at..], out var written, "00", CultureInfo.InvariantCulture);
        return at + written;
    }

    private static int Plain(ReadOnlySpan<byte> digits, int exponent, Span<byte> into)
    {
        var at = 0;
        if (exponent < 0)
        {
            into[at++] = (byte)'0';
            into[at++] = (byte)'.';
            for (var i = -1; i > exponent; i--) into[at++] = (byte)'0';
            digits.CopyTo(into[at..]);
            return at + digits.Length;
        }
        for (var i = 0; i <= exponent || i < digits.Length; i++)
        {
            if (i == exponent + 1) into[at++] = (byte)'.';
            into[at++] = i < digits.Length ? digits[i] : (byte)'0';
        }
        return at;
    }
}
