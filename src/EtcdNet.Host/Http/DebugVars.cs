using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using EtcdNet.Host.Platform;
using EtcdNet.Server.Consensus;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Host.Http;

/// <summary>
/// <c>/debug/vars</c>: how the process was started and what it uses, by the names of Go's expvar as far as .NET knows the thing.
/// What only the leader's or Go's own bookkeeping could tell is left out.
/// </summary>
internal sealed class DebugVars(Func<ConsensusStatus> status)
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public void Handle(HttpContext context)
    {
        if (!HttpAnswer.AllowGet(context)) return;
        HttpAnswer.Write(context, StatusCodes.Status200OK, "application/json; charset=utf-8", Text());
    }

    private string Text()
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteStartArray("cmdline");
            foreach (var argument in Environment.GetCommandLineArgs()) json.WriteStringValue(argument);
            json.WriteEndArray();
            json.WriteNumber("file_descriptor_limit", (ulong)ProcFile.FileDescriptorLimit());
            WriteMemory(json);
            WriteRaft(json, status());
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static void WriteMemory(Utf8JsonWriter json)
    {
        var memory = GC.GetGCMemoryInfo();
        var live = GC.GetTotalMemory(forceFullCollection: false);
        json.WriteStartObject("memstats");
        json.WriteNumber("Alloc", live);
        json.WriteNumber("TotalAlloc", GC.GetTotalAllocatedBytes());
        json.WriteNumber("Sys", memory.TotalCommittedBytes);
        json.WriteNumber("HeapAlloc", live);
        json.WriteNumber("HeapSys", memory.TotalCommittedBytes);
        json.WriteNumber("HeapInuse", memory.HeapSizeBytes);
        json.WriteNumber("PauseTotalNs", (long)GC.GetTotalPauseDuration().TotalNanoseconds);
        json.WriteNumber("NumGC", GC.CollectionCount(0));
        json.WriteBoolean("EnableGC", true);
        json.WriteEndObject();
    }

    private static void WriteRaft(Utf8JsonWriter json, ConsensusStatus raft)
    {
        json.WriteStartObject("raft.status");
        json.WriteString("id", Hex(raft.MemberId));
        json.WriteNumber("term", raft.Term);
        json.WriteNumber("commit", raft.CommitIndex);
        json.WriteString("lead", Hex(raft.Leader));
        json.WriteString("raftState", raft.IsLeader ? "StateLeader" : "StateFollower");
        json.WriteNumber("applied", raft.AppliedIndex);
        json.WriteEndObject();
    }

    private static string Hex(ulong id) => id.ToString("x", CultureInfo.InvariantCulture);
}
