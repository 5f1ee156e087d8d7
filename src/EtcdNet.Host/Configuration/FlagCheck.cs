namespace EtcdNet.Host.Configuration;

/// <summary>Checks the text of one flag by its kind, with the words of Go's flag package.</summary>
public static class FlagCheck
{
    /// <summary>What is wrong with <paramref name="text"/> as a value of <paramref name="flag"/>, or null.</summary>
    public static string? Error(Flag flag, string text) => flag.Kind switch
    {
        FlagKind.Bool => GoValue.TryParseBool(text, out _) ? null : "parse error",
        FlagKind.Int => Integer(text, long.MinValue, long.MaxValue),
        FlagKind.UInt => Integer(text, 0, long.MaxValue),
        FlagKind.UInt32 => Integer(text, 0, uint.MaxValue),
        FlagKind.Duration => GoValue.TryParseDuration(text, out _) ? null : "parse error",
        FlagKind.Urls => text.Length == 0 && flag.Default.Length == 0 ? null : EtcdUrl.TryParseList(text, out _),
        FlagKind.Choice => flag.Choices.Contains(text) ? null : $"invalid value; it must be one of {string.Join(", ", flag.Choices)}",
        _ => null,
    };

    /// <summary>True when the text means the same as the default, however it is written.</summary>
    public static bool IsDefault(Flag flag, string text) =>
        text == flag.Default || (Error(flag, text) is null && Canonical(flag, text).Equals(Canonical(flag, flag.Default)));

    private static string? Integer(string text, Int128 min, Int128 max)
    {
        if (!GoValue.TryParseInteger(text, out var value)) return "parse error";
        if (value < 0 && min == 0) return "parse error";
        return value < min || value > max ? "value out of range" : null;
    }

    private static object Canonical(Flag flag, string text) => flag.Kind switch
    {
        FlagKind.Bool => GoValue.Bool(text),
        FlagKind.Int or FlagKind.UInt or FlagKind.UInt32 => GoValue.Integer(text),
        FlagKind.Duration => GoValue.Duration(text),
        _ => text,
    };
}
