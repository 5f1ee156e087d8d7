using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EtcdNet.StateMachine.Cluster;

/// <summary>A member in the JSON form of etcd, as configuration changes and the peer protocol carry it.</summary>
public static class MemberJson
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Reads the context of a configuration change.</summary>
    /// <exception cref="JsonException">It is none.</exception>
    public static (Member Member, bool IsPromote) ReadContext(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        return (Read(root), root.TryGetProperty("isPromote", out JsonElement promote) && promote.ValueKind == JsonValueKind.True);
    }

    /// <summary>Reads a member.</summary>
    public static Member Read(JsonElement json) => new()
    {
        Id = json.TryGetProperty("id", out JsonElement id) ? id.GetUInt64() : 0,
        PeerUrls = Strings(json, "peerURLs"),
        IsLearner = json.TryGetProperty("isLearner", out JsonElement learner) && learner.ValueKind == JsonValueKind.True,
        Name = json.TryGetProperty("name", out JsonElement name) ? name.GetString() ?? "" : "",
        ClientUrls = Strings(json, "clientURLs"),
    };

    /// <summary>The context of a configuration change.</summary>
    public static byte[] WriteContext(Member member, bool isPromote = false)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, s_options))
        {
            json.WriteStartObject();
            WriteFields(json, member);
            json.WriteBoolean("isPromote", isPromote);
            json.WriteEndObject();
        }
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>
    /// Reads the context of a change of several members: an array with the context of each, in their order. etcd never
    /// proposes such changes, so the form is ours.
    /// </summary>
    /// <exception cref="JsonException">It is no array.</exception>
    public static IReadOnlyList<byte[]> ReadContexts(ReadOnlyMemory<byte> json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        if (document.RootElement.ValueKind != JsonValueKind.Array)
            throw new JsonException("the context of several changes must be an array");
        return [.. document.RootElement.EnumerateArray().Select(static item => JsonSerializer.SerializeToUtf8Bytes(item))];
    }

    /// <summary>The context of a change of several members, from the contexts of each.</summary>
    public static byte[] WriteContexts(IEnumerable<byte[]> contexts)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, s_options))
        {
            json.WriteStartArray();
            foreach (byte[] context in contexts)
                json.WriteRawValue(context);
            json.WriteEndArray();
        }
        return bytes.WrittenSpan.ToArray();
    }

    /// <summary>Writes a member.</summary>
    public static void Write(Utf8JsonWriter json, Member member)
    {
        json.WriteStartObject();
        WriteFields(json, member);
        json.WriteEndObject();
    }

    private static void WriteFields(Utf8JsonWriter json, Member member)
    {
        json.WriteNumber("id", member.Id);
        WriteStrings(json, "peerURLs", member.PeerUrls);
        if (member.IsLearner)
            json.WriteBoolean("isLearner", true);
        if (member.Name.Length > 0)
            json.WriteString("name", member.Name);
        if (member.ClientUrls.Count > 0)
            WriteStrings(json, "clientURLs", member.ClientUrls);
    }

    private static void WriteStrings(Utf8JsonWriter json, string name, IReadOnlyList<string> values)
    {
        json.WriteStartArray(name);
        foreach (string value in values)
            json.WriteStringValue(value);
        json.WriteEndArray();
    }

    private static string[] Strings(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement array) && array.ValueKind == JsonValueKind.Array
            ? [.. array.EnumerateArray().Select(static item => item.GetString() ?? "")]
            : [];
}
