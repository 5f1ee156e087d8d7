using System.Collections;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Model.Script;

/// <summary>Messages for people: one line, defaults left out, bytes as text, relative revisions as "now-3".</summary>
internal static class Text
{
    private const int BytesShown = 40;

    internal static string Of(IMessage message)
    {
        var text = new StringBuilder();
        Append(text, message);
        return text.ToString();
    }

    private static void Append(StringBuilder text, IMessage message)
    {
        text.Append('{');
        string separator = "";
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            object? value = field.Accessor.GetValue(message);
            if (IsDefault(field, value, message))
                continue;
            text.Append(separator).Append(field.Name).Append(": ");
            AppendValue(text, value!);
            separator = ", ";
        }
        text.Append('}');
    }

    private static bool IsDefault(FieldDescriptor field, object? value, IMessage message)
    {
        if (field.IsRepeated)
            return ((IList)value!).Count == 0;
        if (field.RealContainingOneof is { } union)
            return union.Accessor.GetCaseFieldDescriptor(message) != field;
        return value switch
        {
            null or false or 0 or 0L or 0U or 0UL => true,
            ByteString bytes => bytes.IsEmpty,
            string words => words.Length == 0,
            Enum number => Convert.ToInt32(number) == 0,
            _ => false,
        };
    }

    private static void AppendValue(StringBuilder text, object value)
    {
        switch (value)
        {
            case IMessage inner:
                Append(text, inner);
                break;
            case ByteString bytes:
                text.Append('"').Append(OfBytes(bytes)).Append('"');
                break;
            case IList list:
                text.Append('[');
                for (int i = 0; i < list.Count; i++)
                {
                    text.Append(i > 0 ? ", " : "");
                    AppendValue(text, list[i]!);
                }
                text.Append(']');
                break;
            case long number when Relative.IsRelative(number, out long offset):
                text.Append("now").Append(offset == 0 ? "" : offset.ToString("+0;-0"));
                break;
            default:
                text.Append(value);
                break;
        }
    }

    private static string OfBytes(ByteString bytes)
    {
        var text = new StringBuilder();
        foreach (byte one in bytes.Take(BytesShown))
            text.Append(one is >= 0x20 and < 0x7f and not (byte)'"' ? ((char)one).ToString() : $"\\x{one:x2}");
        return bytes.Length <= BytesShown ? text.ToString() : $"{text}…({bytes.Length} bytes)";
    }
}
