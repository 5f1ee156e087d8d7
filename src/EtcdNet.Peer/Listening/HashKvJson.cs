using System.Text.Json;
using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.Peer.Listening;

/// <summary>Question and answer of <c>/members/hashkv</c> as Go's JSON has them: numbers as numbers, zeros left out, names in any case.</summary>
internal static class HashKvJson
{
    /// <exception cref="JsonException">No object, or a revision that is no whole number.</exception>
    public static long ReadRevision(byte[] body)
    {
        using var json = JsonDocument.Parse(body);
        if (json.RootElement.ValueKind == JsonValueKind.Null)
            return 0;
        if (json.RootElement.ValueKind != JsonValueKind.Object)
            throw new JsonException("not an object");
        long revision = 0;
        foreach (var property in json.RootElement.EnumerateObject())
        {
            if (!property.Name.Equals("revision", StringComparison.OrdinalIgnoreCase) || property.Value.ValueKind == JsonValueKind.Null)
                continue;
            if (property.Value.ValueKind != JsonValueKind.Number || !property.Value.TryGetInt64(out revision))
                throw new JsonException("the revision is not a whole number");
        }

        return revision;
    }

    public static void Write(Utf8JsonWriter json, HashKVResponse answer)
    {
        json.WriteStartObject();
        json.WriteStartObject("header");
        WriteNumber("revision", answer.Header.Revision);
        json.WriteEndObject();
        WriteNumber("hash", answer.Hash);
        WriteNumber("compact_revision", answer.CompactRevision);
        WriteNumber("hash_revision", answer.HashRevision);
        json.WriteEndObject();

        void WriteNumber(string name, long value)
        {
            if (value != 0)
                json.WriteNumber(name, value);
        }
    }
}
