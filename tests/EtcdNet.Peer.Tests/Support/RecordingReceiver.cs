using System.Collections.Concurrent;
using EtcdNet.Peer.Transport;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>A member that writes down what its transport tells it.</summary>
internal sealed class RecordingReceiver : IPeerReceiver
{
    private int _gone;
    private int _removedFromCluster;

    public ConcurrentQueue<(ulong Peer, Message Message)> Messages { get; } = new();

    public ConcurrentQueue<(ulong Peer, bool Ok)> SnapshotReports { get; } = new();

    public ConcurrentQueue<ulong> Unreachable { get; } = new();

    public ConcurrentDictionary<ulong, bool> Removed { get; } = new();

    /// <summary>The answer to every message.</summary>
    public PeerVerdict Verdict { get; set; } = PeerVerdict.Taken;

    /// <summary>Reads the state of a snapshot; may throw.</summary>
    public Func<Stream, PeerVerdict>? ReadState { get; set; }

    public byte[] State { get; private set; } = [];

    public int Gone => Volatile.Read(ref _gone);

    public int RemovedFromClusterCalls => Volatile.Read(ref _removedFromCluster);

    public PeerVerdict Receive(ulong peer, Message message)
    {
        Messages.Enqueue((peer, message));
        return Verdict;
    }

    public PeerVerdict ReceiveSnapshot(ulong peer, Message message, Stream state)
    {
        if (ReadState is { } read)
            return read(state);
        using var all = new MemoryStream();
        state.CopyTo(all);
        State = all.ToArray();
        Messages.Enqueue((peer, message));
        return Verdict;
    }

    public void ReportUnreachable(ulong peer) => Unreachable.Enqueue(peer);

    public void ReportSnapshot(ulong peer, bool ok) => SnapshotReports.Enqueue((peer, ok));

    public bool IsRemoved(ulong member) => Removed.ContainsKey(member);

    public void PeerGone(ulong peer) => Interlocked.Increment(ref _gone);

    public void RemovedFromCluster() => Interlocked.Increment(ref _removedFromCluster);
}
