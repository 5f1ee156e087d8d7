using System.Collections;
using System.Globalization;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// One JSON value as a message, by the rules and in the words of protojson with unknown fields discarded: both spellings of
/// names, numbers as strings, unknown enum names ignored, nothing twice.
/// </summary>
/// <remarks>
/// Google.Protobuf's JsonParser says other things when a value does not fit, and clients show those texts to people.
/// </remarks>
internal ref struct JsonMessageParser
{
    // Google.Protobuf reads no deeper messages either.
    private const int DepthMax = 100;
    private const int SkipDepthMax = 10_000;

    private JsonTokenReader _tokens;
    private int _depth;

    private JsonMessageParser(ReadOnlySpan<byte> json) => _tokens = new JsonTokenReader(json);

    /// <summary>Parses a value that <see cref="JsonBodyReader"/> gave; an empty one is a message without fields.</summary>
    /// <exception cref="GatewayRequestException">It does not fit.</exception>
    public static IMessage Parse(ReadOnlySpan<byte> json, MessageDescriptor type)
    {
        IMessage message = type.Parser.ParseFrom(ByteString.Empty);
        if (!json.IsEmpty)
            new JsonMessageParser(json).ReadMessage(message);
        return message;
    }

    private void ReadMessage(IMessage message)
    {
        if (++_depth > DepthMax)
            throw new GatewayRequestException("proto: exceeded max recursion depth");
        JsonToken open = _tokens.Read();
        if (open.Kind != JsonTokenKind.ObjectOpen)
            throw Unexpected(open);
        JsonShape shape = JsonShape.Of(message.Descriptor);
        var seen = new BitArray(shape.Fields.Length);
        for (JsonToken name = _tokens.Read(); name.Kind != JsonTokenKind.ObjectClose; name = _tokens.Read())
        {
            if (shape.Find(name.Text!) is not { } field)
            {
                SkipValue();
                continue;
            }
            if (seen[field.Index])
                throw _tokens.Error(name.Position, $"duplicate field {_tokens.RawText(name)}");
            seen[field.Index] = true;
            if (_tokens.Peek().Kind == JsonTokenKind.Null)
                _tokens.Read();
            else
                ReadField(message, field, name);
        }
        _depth--;
    }

    private void ReadField(IMessage message, JsonField field, JsonToken name)
    {
        FieldDescriptor descriptor = field.Descriptor;
        if (descriptor.IsRepeated)
        {
            ReadList((IList)descriptor.Accessor.GetValue(message), field);
            return;
        }
        if (descriptor.RealContainingOneof is { } oneof && oneof.Accessor.GetCaseFieldDescriptor(message) is not null)
            throw _tokens.Error(name.Position, $"error parsing {_tokens.RawText(name)}, oneof {oneof.FullName} is already set");
        if (ReadValue(field) is { } value)
            descriptor.Accessor.SetValue(message, value);
    }

    private void ReadList(IList list, JsonField field)
    {
        JsonToken open = _tokens.Read();
        if (open.Kind != JsonTokenKind.ArrayOpen)
            throw Unexpected(open);
        while (_tokens.Peek().Kind != JsonTokenKind.ArrayClose)
        {
            if (ReadValue(field) is { } value)
                list.Add(value);
        }
        _tokens.Read();
    }

    /// <summary>The value, or null for the unknown name of an enum value.</summary>
    private object? ReadValue(JsonField field)
    {
        FieldDescriptor descriptor = field.Descriptor;
        if (descriptor.FieldType == FieldType.Message)
        {
            IMessage nested = descriptor.MessageType.Parser.ParseFrom(ByteString.Empty);
            ReadMessage(nested);
            return nested;
        }
        JsonToken token = _tokens.Read();
        if (descriptor.FieldType == FieldType.Enum && token.Kind == JsonTokenKind.Text)
            return descriptor.EnumType.FindValueByName(token.Text!) is { } known ? EnumValue(descriptor, known.Number) : null;
        return Scalar(descriptor, token)
            ?? throw _tokens.Error(token.Position, $"invalid value for {field.KindText} field {descriptor.JsonName}: {_tokens.RawText(token)}");
    }

    private readonly object? Scalar(FieldDescriptor field, JsonToken token) => field.FieldType switch
    {
        FieldType.Bool => token.Kind switch
        {
            JsonTokenKind.True => true,
            JsonTokenKind.False => false,
            _ => null,
        },
        FieldType.String => token.Kind == JsonTokenKind.Text ? token.Text : null,
        FieldType.Bytes => token.Kind == JsonTokenKind.Text ? Base64(token.Text!) : null,
        FieldType.Enum => token.Kind == JsonTokenKind.Number && Number(token, out int value) ? EnumValue(field, value) : null,
        FieldType.Int64 or FieldType.SInt64 or FieldType.SFixed64 => Number(token, out long value) ? value : null,
        FieldType.UInt64 or FieldType.Fixed64 => Number(token, out ulong value) ? value : null,
        FieldType.Int32 or FieldType.SInt32 or FieldType.SFixed32 => Number(token, out int value) ? value : null,
        FieldType.UInt32 or FieldType.Fixed32 => Number(token, out uint value) ? value : null,
        _ => throw new NotSupportedException($"{field.FullName} is of a kind that the gateway does not know"),
    };

    private readonly bool Number<T>(JsonToken token, out T value)
        where T : ISpanParsable<T>
    {
        value = default!;
        ReadOnlySpan<byte> text = token.Kind switch
        {
            JsonTokenKind.Number => _tokens.Raw(token),
            JsonTokenKind.Text => JsonNumber.Prefix(Encoding.UTF8.GetBytes(token.Text!)),
            _ => default,
        };
        return !text.IsEmpty && JsonNumber.Normalize(text) is { } digits && T.TryParse(digits, CultureInfo.InvariantCulture, out value!);
    }

    /// <summary>Either alphabet, with or without padding, line breaks passed over: as Go decodes.</summary>
    private static ByteString? Base64(string text)
    {
        bool url = text.AsSpan().ContainsAny('-', '_');
        if (url && text.AsSpan().ContainsAny('+', '/'))
            return null;
        bool unpadded = text.Length % 4 != 0;
        if (unpadded && text.Contains('=', StringComparison.Ordinal))
            return null;
        string plain = text.Replace("\r", "", StringComparison.Ordinal).Replace("\n", "", StringComparison.Ordinal);
        if (plain.AsSpan().ContainsAny(' ', '\t'))
            return null;
        if (url)
            plain = plain.Replace('-', '+').Replace('_', '/');
        if (unpadded)
            plain = plain.PadRight((plain.Length + 3) / 4 * 4, '=');
        var bytes = new byte[plain.Length / 4 * 3];
        return Convert.TryFromBase64String(plain, bytes, out int length) ? UnsafeByteOperations.UnsafeWrap(bytes.AsMemory(0, length)) : null;
    }

    private static object EnumValue(FieldDescriptor field, int number) => Enum.ToObject(field.EnumType.ClrType, number);

    private void SkipValue()
    {
        int open = 0;
        do
        {
            switch (_tokens.Read().Kind)
            {
                case JsonTokenKind.ObjectOpen or JsonTokenKind.ArrayOpen:
                    if (++open > SkipDepthMax)
                        throw new GatewayRequestException("proto: exceeded max recursion depth");
                    break;
                case JsonTokenKind.ObjectClose or JsonTokenKind.ArrayClose:
                    open--;
                    break;
                default:
                    break;
            }
        }
        while (open > 0);
    }

    private readonly GatewayRequestException Unexpected(JsonToken token) =>
        _tokens.SyntaxError(token.Position, $"unexpected token {_tokens.RawText(token)}");
}
