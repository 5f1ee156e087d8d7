using System.Globalization;

namespace EtcdNet.Host.Gateway;

/// <summary>Whole numbers as protojson takes them: also <c>1e2</c> and <c>1.0</c>, since their value is whole.</summary>
internal static class JsonNumber
{
    private const int DigitsMax = 20;

    /// <summary>The digits of a JSON number without point and exponent, or null when its value is not whole or far too large.</summary>
    public static string? Normalize(ReadOnlySpan<byte> number)
    {
        bool negative = number[0] == '-';
        ReadOnlySpan<byte> rest = number[(negative ? 1 : 0)..];
        int mark = rest.IndexOfAny((byte)'e', (byte)'E');
        ReadOnlySpan<byte> mantissa = mark < 0 ? rest : rest[..mark];
        int point = mantissa.IndexOf((byte)'.');
        string whole = System.Text.Encoding.ASCII.GetString(point < 0 ? mantissa : mantissa[..point]);
        string fraction = point < 0 ? "" : System.Text.Encoding.ASCII.GetString(mantissa[(point + 1)..]).TrimEnd('0');
        if (whole == "0")
            whole = "";
        if (whole.Length == 0 && fraction.Length == 0)
            return "0";
        int exponent = 0;
        if (mark >= 0 && !int.TryParse(rest[(mark + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
            return null;
        return Shift(whole, fraction, exponent) is { Length: > 0 } digits ? (negative ? "-" + digits : digits) : null;
    }

    /// <summary>The JSON number at the beginning of a string without blanks around it, or empty; what may follow it is not looked at, as in protojson.</summary>
    public static ReadOnlySpan<byte> Prefix(ReadOnlySpan<byte> text)
    {
        var scanner = new JsonScanner();
        if (text.IsEmpty || char.IsWhiteSpace((char)text[^1]) || !(text[0] == '-' || char.IsAsciiDigit((char)text[0])))
            return default;
        try
        {
            int length = scanner.Scan(text);
            if (length < 0)
                return scanner.EndsHere() ? text : default;
            bool delimited = !(char.IsAsciiLetterOrDigit((char)text[length]) || text[length] is (byte)'-' or (byte)'+' or (byte)'.' or (byte)'_');
            return delimited ? text[..length] : default;
        }
        catch (GatewayRequestException)
        {
            return default;
        }
    }

    private static string? Shift(string whole, string fraction, int exponent)
    {
        if (exponent >= 0)
        {
            if (fraction.Length > exponent || whole.Length + (long)exponent > DigitsMax)
                return null;
            return whole + fraction + new string('0', exponent - fraction.Length);
        }
        long index = whole.Length + (long)exponent;
        if (fraction.Length > 0 || index < 0 || whole.AsSpan((int)index).ContainsAnyExcept('0'))
            return null;
        return whole[..(int)index];
    }
}
