using System.Buffers;
using System.Buffers.Text;
using System.Collections;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// Messages as protojson writes them for etcd: proto names, 64-bit numbers as strings, enums by name, bytes in base64, what
/// is zero left out. Compact: Go's spaces after commas come and go with the build and mean nothing.
/// </summary>
/// <remarks>Google.Protobuf's JsonFormatter makes a string of a whole answer, with blanks around every brace.</remarks>
/// <param name="output">Where the text goes.</param>
/// <param name="escapeHtml">Strings without <c>&lt; &gt; &amp;</c>, as in the lines of streams.</param>
internal readonly ref struct JsonMessageWriter(IBufferWriter<byte> output, bool escapeHtml)
{
    private const int NumberBytesMax = 20;

    /// <summary>Writes one message.</summary>
    public void Write(IMessage message)
    {
        Raw("{"u8);
        bool first = true;
        foreach (JsonField field in JsonShape.Of(message.Descriptor).Fields)
        {
            if (!IsSet(field.Descriptor, message, out object? value))
                continue;
            if (!first)
                Raw(","u8);
            first = false;
            Raw(field.Prefix);
            if (field.Descriptor.IsRepeated)
                WriteList(field.Descriptor, (IList)value);
            else
                WriteValue(field.Descriptor, value);
        }
        Raw("}"u8);
    }

    /// <summary>Writes bytes that are JSON already.</summary>
    public void Raw(ReadOnlySpan<byte> json) => output.Write(json);

    /// <summary>Writes a string with its quotes.</summary>
    public void WriteString(string text)
    {
        Raw("\""u8);
        int plain = 0;
        for (int i = 0; i < text.Length; i++)
        {
            if (Escape(text[i]) is not { } escaped)
                continue;
            Text(text.AsSpan(plain, i - plain));
            Text(escaped);
            plain = i + 1;
        }
        Text(text.AsSpan(plain));
        Raw("\""u8);
    }

    private static bool IsSet(FieldDescriptor field, IMessage message, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out object? value)
    {
        value = null;
        if (!field.IsRepeated && field.HasPresence && !field.Accessor.HasValue(message))
            return false;
        value = field.Accessor.GetValue(message);
        if (field.IsRepeated)
            return ((IList)value).Count > 0;
        return field.HasPresence || value switch
        {
            bool truth => truth,
            long number => number != 0,
            ulong number => number != 0,
            int number => number != 0,
            uint number => number != 0,
            string text => text.Length > 0,
            ByteString bytes => bytes.Length > 0,
            _ => (int)value != 0,
        };
    }

    private void WriteList(FieldDescriptor field, IList values)
    {
        Raw("["u8);
        for (int i = 0; i < values.Count; i++)
        {
            if (i > 0)
                Raw(","u8);
            WriteValue(field, values[i]!);
        }
        Raw("]"u8);
    }

    private void WriteValue(FieldDescriptor field, object value)
    {
        switch (value)
        {
            case IMessage message:
                Write(message);
                break;
            case ByteString bytes:
                WriteBytes(bytes.Span);
                break;
            case string text:
                WriteString(text);
                break;
            case bool truth:
                Raw(truth ? "true"u8 : "false"u8);
                break;
            case long number:
                WriteNumber(number, quoted: true);
                break;
            case ulong number:
                WriteNumber(number, quoted: true);
                break;
            case uint number:
                WriteNumber(number, quoted: false);
                break;
            case int number:
                WriteNumber(number, quoted: false);
                break;
            default:
                WriteEnum(field.EnumType, (int)value);
                break;
        }
    }

    private void WriteEnum(EnumDescriptor type, int number)
    {
        if (type.FindValueByNumber(number) is { } known)
            WriteString(known.Name);
        else
            WriteNumber(number, quoted: false);
    }

    private void WriteNumber<T>(T number, bool quoted)
        where T : IUtf8SpanFormattable
    {
        Span<byte> digits = stackalloc byte[NumberBytesMax];
        number.TryFormat(digits, out int length, default, CultureInfo.InvariantCulture);
        if (quoted)
            Raw("\""u8);
        Raw(digits[..length]);
        if (quoted)
            Raw("\""u8);
    }

    private void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        Span<byte> target = output.GetSpan(Base64.GetMaxEncodedToUtf8Length(bytes.Length) + 2);
        target[0] = (byte)'"';
        Base64.EncodeToUtf8(bytes, target[1..], out _, out int length);
        target[length + 1] = (byte)'"';
        output.Advance(length + 2);
    }

    private void Text(ReadOnlySpan<char> text)
    {
        if (!text.IsEmpty)
            Encoding.UTF8.GetBytes(text, output);
    }

    private string? Escape(char c) => c switch
    {
        '"' => "\\\"",
        '\\' => @"\\",
        '\b' => @"\b",
        '\f' => @"\f",
        '\n' => @"\n",
        '\r' => @"\r",
        '\t' => @"\t",
        < ' ' => $"\\u{(int)c:x4}",
        '<' or '>' or '&' or '\u2028' or '\u2029' when escapeHtml => $"\\u{(int)c:x4}",
        _ => null,
    };
}
