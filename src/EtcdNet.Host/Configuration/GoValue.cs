using System.Buffers;
using System.Globalization;
using System.Text;

namespace EtcdNet.Host.Configuration;

/// <summary>Booleans, numbers and durations in the notation of Go's flags.</summary>
public static class GoValue
{
    private const long NanosecondsPerTick = 100;
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Unit, decimal Nanoseconds)[] Units =
    [
        ("ns", 1m), ("us", 1_000m), ("µs", 1_000m), ("μs", 1_000m), ("ms", 1_000_000m),
        ("s", 1_000_000_000m), ("m", 60_000_000_000m), ("h", 3_600_000_000_000m),
    ];

    /// <summary>Reads one of 1 t T TRUE true True 0 f F FALSE false False.</summary>
    public static bool TryParseBool(string text, out bool value)
    {
        value = text is "1" or "t" or "T" or "TRUE" or "true" or "True";
        return value || text is "0" or "f" or "F" or "FALSE" or "false" or "False";
    }

    /// <summary>Reads a whole number: decimal, or 0x, 0o, 0b, with underscores between digits.</summary>
    public static bool TryParseInteger(string text, out Int128 value)
    {
        value = 0;
        var negative = text.StartsWith('-');
        var digits = text.AsSpan(negative || text.StartsWith('+') ? 1 : 0);
        var radix = 10;
        if (digits.Length > 1 && digits[0] == '0')
        {
            radix = char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'b' => 2, _ => 8 };
            digits = digits[(char.IsAsciiLetter(digits[1]) ? 2 : 1)..];
        }
        if (digits.IsEmpty) return false;
        foreach (var c in digits)
        {
            if (c == '_' && digits[^1] != '_') continue;
            var digit = char.IsAsciiHexDigit(c) ? Convert.ToInt32(c.ToString(), 16) : int.MaxValue;
            if (digit >= radix || value > long.MaxValue) return false;
            value = value * radix + digit;
        }
        if (negative) value = -value;
        return true;
    }

    /// <summary>Reads a duration such as <c>1h30m</c>, <c>1.5s</c>, <c>-2ms</c> or <c>0</c>; it is kept to 100 ns.</summary>
    public static bool TryParseDuration(string text, out TimeSpan value)
    {
        value = default;
        var rest = text.AsSpan();
        var negative = rest.StartsWith("-");
        if (negative || rest.StartsWith("+")) rest = rest[1..];
        if (rest is "0") return true;
        if (rest.IsEmpty) return false;

        var nanoseconds = 0m;
        while (!rest.IsEmpty)
        {
            if (!TryTakeTerm(ref rest, out var term)) return false;
            nanoseconds += term;
            if (nanoseconds > long.MaxValue) return false;
        }
        value = FromNanoseconds((long)(negative ? -nanoseconds : nanoseconds));
        return true;
    }

    /// <summary>A boolean whose text was checked before.</summary>
    public static bool Bool(string text) => TryParseBool(text, out var value) ? value : throw new FormatException(text);

    /// <summary>A whole number whose text was checked before.</summary>
    public static Int128 Integer(string text) => TryParseInteger(text, out var value) ? value : throw new FormatException(text);

    /// <summary>A duration whose text was checked before.</summary>
    public static TimeSpan Duration(string text) => TryParseDuration(text, out var value) ? value : throw new FormatException(text);

    /// <summary>A duration of so many nanoseconds, kept to 100 ns.</summary>
    public static TimeSpan FromNanoseconds(long nanoseconds) => new(nanoseconds / NanosecondsPerTick);

    /// <summary>Writes a duration as Go does: <c>100ms</c>, <c>1.5s</c>, <c>2h0m0s</c>, <c>0s</c>.</summary>
    public static string FormatDuration(TimeSpan value)
    {
        if (value == TimeSpan.Zero) return "0s";
        var sign = value < TimeSpan.Zero ? "-" : "";
        var ticks = Math.Abs((decimal)value.Ticks);
        if (ticks < TimeSpan.TicksPerSecond)
        {
            return ticks >= TimeSpan.TicksPerMillisecond ? sign + Number(ticks / TimeSpan.TicksPerMillisecond) + "ms"
                : ticks >= TimeSpan.TicksPerMicrosecond ? sign + Number(ticks / TimeSpan.TicksPerMicrosecond) + "µs"
                : sign + Number(ticks * NanosecondsPerTick) + "ns";
        }
        var text = new StringBuilder(sign);
        var hours = (long)(ticks / TimeSpan.TicksPerHour);
        var minutes = (long)(ticks / TimeSpan.TicksPerMinute) % 60;
        if (hours > 0) text.Append(hours).Append('h');
        if (hours > 0 || minutes > 0) text.Append(minutes).Append('m');
        return text.Append(Number(ticks % TimeSpan.TicksPerMinute / TimeSpan.TicksPerSecond)).Append('s').ToString();
    }

    private static string Number(decimal value) => value.ToString("0.#########", CultureInfo.InvariantCulture);

    private static bool TryTakeTerm(ref ReadOnlySpan<char> rest, out decimal nanoseconds)
    {
        nanoseconds = 0;
        var length = rest.IndexOfAnyExcept(NumberCharacters);
        if (length <= 0) return false;
        if (!decimal.TryParse(rest[..length], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)) return false;
        rest = rest[length..];
        var next = rest.IndexOfAny(NumberCharacters);
        var unit = (next < 0 ? rest : rest[..next]).ToString();
        rest = rest[unit.Length..];
        foreach (var (name, factor) in Units)
        {
            if (name != unit) continue;
            if (number > long.MaxValue / factor) return false;
            nanoseconds = number * factor;
            return true;
        }
        return false;
    }
}
