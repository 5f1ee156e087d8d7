using System.Collections.Concurrent;
using EtcdNet.Peer.Transport;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>
/// The Raft core with a log in memory and a thread that owns it: a member without a store, to lead and follow real ones.
/// </summary>
internal sealed class RaftMember : IPeerReceiver, IRaftStorage, IDisposable
{
    private readonly BlockingCollection<Action> _inbox = [];
    private readonly List<Entry> _log = [];
    private readonly Snapshot _start;
    private readonly ITimer _timer;
    private readonly Thread _thread;
    private readonly Func<PeerTransport> _transport;
    private RaftNode? _raft;
    private volatile Exception? _failure;

    /// <param name="id">This member.</param>
    /// <param name="start">Where the log of a new cluster begins.</param>
    /// <param name="transport">Asked for when the first message leaves.</param>
    public RaftMember(ulong id, SnapshotMetadata start, Func<PeerTransport> transport)
    {
        _start = new Snapshot(start, default);
        _transport = transport;
        _raft = new RaftNode(
            new RaftOptions { Id = id, ElectionTick = 1_000_000, PreVote = true, CheckQuorum = true, Random = new Random(1), Applied = start.Index }, this);
        _thread = new Thread(Run) { IsBackground = true, Name = "raft-member" };
        _timer = TimeProvider.System.CreateTimer(_ => Post(r => r.Tick()), null, TimeSpan.FromMilliseconds(100), TimeSpan.FromMilliseconds(100));
        _thread.Start();
    }

    /// <summary>Payloads of applied entries.</summary>
    public ConcurrentQueue<byte[]> Applied { get; } = new();

    public ulong Leader { get; private set; }

    public ulong Term { get; private set; }

    /// <summary>Runs something on the owner's thread.</summary>
    public void Post(Action<RaftNode> action)
    {
        if (!_inbox.IsAddingCompleted)
            _inbox.TryAdd(() => action(_raft!));
    }

    public void ThrowIfFailed() => Assert.Null(_failure);

    public PeerVerdict Receive(ulong peer, Message message)
    {
        Post(r => r.Step(message));
        return PeerVerdict.Taken;
    }

    public PeerVerdict ReceiveSnapshot(ulong peer, Message message, Stream state) => PeerVerdict.Refused;

    public void ReportUnreachable(ulong peer) => Post(r => r.ReportUnreachable(peer));

    public void ReportSnapshot(ulong peer, bool ok) => Post(r => r.ReportSnapshot(peer, ok));

    public bool IsRemoved(ulong member) => false;

    public void PeerGone(ulong peer)
    {
    }

    public void RemovedFromCluster()
    {
    }

    public void Dispose()
    {
        _timer.Dispose();
        _inbox.CompleteAdding();
        _thread.Join();
        _inbox.Dispose();
    }

    ulong IRaftStorage.FirstIndex => _start.Metadata.Index + 1;

    ulong IRaftStorage.LastIndex => _start.Metadata.Index + (ulong)_log.Count;

    (HardState HardState, ConfState ConfState) IRaftStorage.InitialState() =>
        (new HardState(_start.Metadata.Term, 0, _start.Metadata.Index), _start.Metadata.ConfState);

    IReadOnlyList<Entry> IRaftStorage.Entries(ulong low, ulong high, ulong maxBytes) =>
        _log.GetRange((int)(low - _start.Metadata.Index - 1), (int)(high - low));

    ulong IRaftStorage.Term(ulong index) =>
        index == _start.Metadata.Index ? _start.Metadata.Term : _log[(int)(index - _start.Metadata.Index - 1)].Term;

    Snapshot IRaftStorage.Snapshot() => _start;

    private void Run()
    {
        try
        {
            foreach (var action in _inbox.GetConsumingEnumerable())
            {
                action();
                while (_raft!.HasReady)
                    Work(_raft.Ready());
            }
        }
        catch (Exception e)
        {
            _failure = e;
        }
    }

    private void Work(Ready ready)
    {
        if (ready.Entries.Count > 0)
        {
            var at = (int)(ready.Entries[0].Index - _start.Metadata.Index - 1);
            _log.RemoveRange(at, _log.Count - at);
            _log.AddRange(ready.Entries);
        }

        foreach (var message in ready.Messages)
            _transport().Send(message);
        foreach (var entry in ready.CommittedEntries)
        {
            if (entry.Type == EntryType.Normal && !entry.Data.IsEmpty)
                Applied.Enqueue(entry.Data.ToArray());
        }

        _raft!.Advance();
        (Leader, Term) = (_raft.Leader, _raft.Term);
    }
}
