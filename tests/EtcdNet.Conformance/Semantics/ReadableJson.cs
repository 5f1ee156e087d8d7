using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Conformance.Semantics;

/// <summary>
/// Messages as JSON that a person can read and write: proto names, numbers as numbers, and bytes as text (one character a byte, so U+00FF is the byte 255).
/// Two shorthands keep scripts short: the bytes <c>"$repeat(x,1000)"</c>, and the list <c>{"$times":129,"item":{…}}</c>, in which <c>$i</c> is the position.
/// </summary>
internal static class ReadableJson
{
    private static readonly JsonFormatter _formatter = new(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));
    private static readonly JsonSerializerOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads a message.</summary>
    public static IMessage Parse(string text, MessageDescriptor type)
    {
        var node = JsonNode.Parse(text) ?? throw new FormatException($"not an object: {text}");
        return JsonParser.Default.Parse(Convert(node, type, ToBase64).ToJsonString(), type);
    }

    /// <summary>Writes a message; fields with their default value are left out.</summary>
    public static string Format(IMessage message)
    {
        var node = JsonNode.Parse(_formatter.Format(message))!;
        return Convert(node, message.Descriptor, FromBase64).ToJsonString(_plain);
    }

    private static JsonObject Convert(JsonNode node, MessageDescriptor type, Func<string, string> bytes)
    {
        var result = new JsonObject();
        foreach (var (name, value) in node.AsObject())
        {
            var field = type.Fields.InDeclarationOrder().FirstOrDefault(f => f.Name == name || f.JsonName == name)
                ?? throw new FormatException($"{type.Name} has no field {name}");
            result[name] = field.IsRepeated
                ? new JsonArray([.. Items(value!).Select(item => ConvertValue(item, field, bytes))])
                : ConvertValue(value!, field, bytes);
        }

        return result;
    }

    private static JsonNode ConvertValue(JsonNode value, FieldDescriptor field, Func<string, string> bytes) => field.FieldType switch
    {
        FieldType.Message => Convert(value, field.MessageType, bytes),
        FieldType.Bytes => JsonValue.Create(bytes(value.GetValue<string>())),
        FieldType.Int64 when value.GetValueKind() == JsonValueKind.String => JsonValue.Create(long.Parse(value.GetValue<string>())),
        FieldType.UInt64 when value.GetValueKind() == JsonValueKind.String => JsonValue.Create(ulong.Parse(value.GetValue<string>())),
        _ => value.DeepClone(),
    };

    private static IEnumerable<JsonNode> Items(JsonNode list)
    {
        if (list is JsonArray array)
            return array.Select(item => item!);
        var item = list["item"]!.ToJsonString();
        return Enumerable.Range(0, list["$times"]!.GetValue<int>()).Select(i => JsonNode.Parse(item.Replace("$i", $"{i}", StringComparison.Ordinal))!);
    }

    private static string ToBase64(string text)
    {
        if (text.StartsWith("$repeat(", StringComparison.Ordinal))
        {
            var parts = text["$repeat(".Length..^1].Split(',');
            text = new string(parts[0][0], int.Parse(parts[1]));
        }

        return System.Convert.ToBase64String(Encoding.Latin1.GetBytes(text));
    }

    private static string FromBase64(string base64) => Encoding.Latin1.GetString(System.Convert.FromBase64String(base64));
}
