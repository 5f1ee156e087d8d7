using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Chaos;

/// <summary>
/// A member with a disk that loses what was not synced. In async mode the two workers run when the world says so; in sync mode a
/// Ready is done at once. After a crash its state
/// machine is as it was or rebuilt from snapshot and log.
/// </summary>
internal sealed class ChaosNode
{
    private readonly Queue<Message> _appendWork = new();
    private readonly Queue<Message> _applyWork = new();
    private readonly ChaosOptions _options;
    private readonly ChaosOracle _oracle;
    private readonly Action<Message> _send;
    private readonly MemoryStorage _disk = new();
    private readonly Random _random;
    private ConfState _configuration;
    private ulong _applied;
    private RaftNode? _raft;

    public ChaosNode(ulong id, ConfState configuration, ChaosOptions options, ChaosOracle oracle, Random random, Action<Message> send)
    {
        (Id, _options, _oracle, _random, _send, _configuration) = (id, options, oracle, random, send, configuration);
        if (configuration.Voters.Count > 0)
            _disk.ApplySnapshot(new Snapshot(new SnapshotMetadata(configuration, 1, 1), default));
        _applied = _disk.Snapshot().Metadata.Index;
        Start();
    }

    public ulong Id { get; }

    public ulong Applied => _applied;

    public bool IsUp => _raft is not null;

    public RaftNode Raft => _raft ?? throw new InvalidOperationException("the node is down");

    /// <summary>Read indexes answered since the last look.</summary>
    public List<ReadState> Reads { get; } = [];

    public void Start()
    {
        // Either the state machine was durable, or it is rebuilt from the snapshot.
        var snapshot = _disk.Snapshot().Metadata;
        if (_random.Next(2) == 0)
            (_applied, _configuration) = (snapshot.Index, snapshot.ConfState);
        _disk.ConfigurationOverride = _configuration;
        _raft = new RaftNode(
            new RaftOptions
            {
                Id = Id, ElectionTick = 10, HeartbeatTick = 1, Applied = _applied, AsyncStorageWrites = _options.Async,
                PreVote = _options.PreVote, CheckQuorum = _options.CheckQuorum, MaxSizePerMessage = 64, MaxInflightMessages = 3,
                MaxUncommittedEntriesSize = 256, MaxCommittedSizePerReady = 128, Random = new Random(_random.Next()),
                StepDownOnRemoval = _options.StepDown,
            },
            _disk);
    }

    /// <summary>Everything that was not durable is gone.</summary>
    public void Crash()
    {
        _raft = null;
        _oracle.Crashed(Id);
        _appendWork.Clear();
        _applyWork.Clear();
        Reads.Clear();
    }

    public void Step(Message message) => _raft?.Step(message);

    /// <summary>Does one piece of work; false when there is none.</summary>
    public bool Work()
    {
        if (_raft is null)
            return false;
        if (!_options.Async)
            return WorkSync();
        switch (_random.Next(3))
        {
            case 0 when _appendWork.Count > 0:
                RunAppend(_appendWork.Dequeue());
                return true;
            case 1 when _applyWork.Count > 0:
                RunApply(_applyWork.Dequeue());
                return true;
        }

        if (!_raft.HasReady)
            return _appendWork.Count + _applyWork.Count > 0;
        TakeReady();
        return true;
    }

    /// <summary>Makes a snapshot of what is applied and drops the log before it.</summary>
    public void Compact()
    {
        if (_raft is null || _applied < _disk.FirstIndex || _applied > _disk.LastIndex)
            return;
        _disk.CreateSnapshot(new Snapshot(new SnapshotMetadata(_configuration, _applied, _disk.Term(_applied)), default));
        _disk.Compact(_applied);
    }

    private bool WorkSync()
    {
        if (!Raft.HasReady)
            return false;
        var ready = Raft.Ready();
        Persist(ready.HardState ?? default, ready.Entries, ready.Snapshot);
        Reads.AddRange(ready.ReadStates);
        foreach (var message in ready.Messages)
            _send(message);
        Apply(ready.CommittedEntries);
        Raft.Advance();
        _oracle.Observe(Raft);
        return true;
    }

    private void TakeReady()
    {
        var ready = Raft.Ready();
        Reads.AddRange(ready.ReadStates);
        foreach (var message in ready.Messages)
        {
            if (message.To == LocalThreads.Append)
                _appendWork.Enqueue(message);
            else if (message.To == LocalThreads.Apply)
                _applyWork.Enqueue(message);
            else
                _send(message);
        }

        _oracle.Observe(Raft);
    }

    private void RunAppend(Message message)
    {
        Persist(message.HardState, message.Entries, message.Snapshot);
        Answer(message);
    }

    private void RunApply(Message message)
    {
        Apply(message.Entries);
        Answer(message);
    }

    private void Answer(Message message)
    {
        foreach (var response in message.Responses)
        {
            if (response.To == Id)
                Raft.Step(response);
            else
                _send(response);
        }

        _oracle.Observe(Raft);
    }

    private void Persist(HardState hardState, IReadOnlyList<Entry> entries, Snapshot? snapshot)
    {
        if (snapshot is not null)
        {
            _disk.ApplySnapshot(snapshot);
            (_applied, _configuration) = (snapshot.Metadata.Index, snapshot.Metadata.ConfState);
        }

        _disk.Append(entries);
        if (!hardState.IsEmpty)
            _disk.SetHardState(hardState);
    }

    private void Apply(IReadOnlyList<Entry> entries)
    {
        foreach (var entry in entries)
        {
            // A snapshot may have overtaken an apply that was already under way.
            if (entry.Index <= _applied)
                continue;
            Assert.Equal(_applied + 1, entry.Index);
            _oracle.Applied(Id, entry);
            if (ConfChangeCodec.DecodeEntry(entry) is { } change)
                _configuration = Raft.ApplyConfChange(change);
            _applied = entry.Index;
        }
    }
}
