using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using EtcdNet.Protocol.Raftpb;
using EtcdNet.StateMachine.Cluster;
using Google.Protobuf.Collections;

namespace EtcdNet.Storage.Bolt;

/// <summary>The values of the database that are JSON.</summary>
internal static class EtcdJson
{
    private static readonly JsonWriterOptions s_options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A member of the cluster.</summary>
    public static byte[] Member(Member member) => Write(json => MemberJson.Write(json, member));

    /// <summary>Who votes and who does not.</summary>
    public static byte[] ConfState(ConfState state) => Write(json =>
    {
        json.WriteStartObject();
        WriteIds(json, "voters", state.Voters);
        WriteIds(json, "learners", state.Learners);
        WriteIds(json, "voters_outgoing", state.VotersOutgoing);
        WriteIds(json, "learners_next", state.LearnersNext);
        json.WriteBoolean("auto_leave", state.AutoLeave);
        json.WriteEndObject();
    });

    /// <summary>A downgrade that goes on.</summary>
    public static byte[] Downgrade(string target) => Write(json =>
    {
        json.WriteStartObject();
        json.WriteString("target-version", target);
        json.WriteBoolean("enabled", true);
        json.WriteEndObject();
    });

    private static void WriteIds(Utf8JsonWriter json, string name, RepeatedField<ulong> ids)
    {
        if (ids.Count == 0)
            return;
        json.WriteStartArray(name);
        foreach (ulong id in ids)
            json.WriteNumberValue(id);
        json.WriteEndArray();
    }

    private static byte[] Write(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, s_options))
            write(json);
        return bytes.WrittenSpan.ToArray();
    }
}
