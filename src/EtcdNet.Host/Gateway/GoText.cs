using System.Globalization;
using System.Text;

namespace EtcdNet.Host.Gateway;

/// <summary>Texts as Go writes them into its errors.</summary>
internal static class GoText
{
    /// <summary>A byte in single quotes, taken for a Latin-1 character.</summary>
    public static string QuoteByte(byte value) => value switch
    {
        (byte)'\'' => @"'\''",
        (byte)'"' => "'\"'",
        _ => $"'{Escape(new Rune((char)value))}'",
    };

    /// <summary>Bytes as a quoted string; those that are not UTF-8 as <c>\x..</c>.</summary>
    public static string Quote(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder("\"");
        while (!bytes.IsEmpty)
        {
            bool valid = Rune.DecodeFromUtf8(bytes, out Rune rune, out int length) == System.Buffers.OperationStatus.Done;
            if (!valid)
                length = 1;
            text.Append(!valid ? $"\\x{bytes[0]:x2}" : rune.Value == '"' ? "\\\"" : Escape(rune));
            bytes = bytes[length..];
        }
        return text.Append('"').ToString();
    }

    private static string Escape(Rune rune) => rune.Value switch
    {
        '\\' => @"\\",
        '\a' => @"\a",
        '\b' => @"\b",
        '\f' => @"\f",
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        '\v' => @"\v",
        < ' ' or 0x7f => $"\\x{rune.Value:x2}",
        _ when IsPrintable(rune) => rune.ToString(),
        <= 0xffff => $"\\u{rune.Value:x4}",
        _ => $"\\U{rune.Value:x8}",
    };

    /// <summary>Letters, marks, numbers, punctuation, symbols and the ASCII space.</summary>
    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.GetUnicodeCategory(rune) is not
        (UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.SpaceSeparator or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator);
}
