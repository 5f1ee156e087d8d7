using System.Text.Json;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Corruption;

namespace EtcdNet.Peer.Wire;

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

    /// <summary>The question for a revision (0: now).</summary>
    public static byte[] Question(long revision) => JsonSerializer.SerializeToUtf8Bytes(new { revision });

    /// <summary>The answer to a question; null when it is none to this one.</summary>
    /// <exception cref="FormatException">A number does not fit.</exception>
    /// <exception cref="InvalidOperationException">Something is not what it should be.</exception>
    public static MemberHash? ReadAnswer(JsonElement answer, long asked)
    {
        if (!answer.TryGetProperty("header", out var header))
            return null;
        // etcd tells since 3.6 what it hashed.
        if (asked != 0 && answer.TryGetProperty("hash_revision", out var hashed) && hashed.GetInt64() != asked)
            return null;
        var current = header.TryGetProperty("revision", out var revision) ? revision.GetInt64() : 0;
        var hash = answer.TryGetProperty("hash", out var number) ? number.GetUInt32() : 0;
        return new MemberHash(hash, answer.TryGetProperty("compact_revision", out var compacted) ? compacted.GetInt64() : 0, current);
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
