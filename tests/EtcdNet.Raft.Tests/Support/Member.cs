using System.Text;

namespace EtcdNet.Raft.Tests.Support;

/// <summary>A node in sync mode with its storage and a list of what it applied.</summary>
internal sealed class Member
{
    private ConfState _configuration;

    public Member(ulong id, ConfState state, RaftSettings settings)
    {
        (Id, _configuration) = (id, state);
        if (state.Voters.Count > 0)
            Storage.ApplySnapshot(new Snapshot(new SnapshotMetadata(state, 1, 1), default));
        Raft = new RaftNode(settings.ToOptions(id), Storage);

        // A snapshot is made when it is needed, as in etcd.
        Storage.SnapshotOverride = Current;
    }

    public ulong Id { get; }

    public RaftNode Raft { get; }

    public MemoryStorage Storage { get; } = new();

    /// <summary>Payloads of the applied normal entries, empty ones left out.</summary>
    public List<string> Applied { get; } = [];

    public List<ReadState> Reads { get; } = [];

    /// <summary>Does the work of one Ready and returns what is to be sent.</summary>
    public IReadOnlyList<Message> Work()
    {
        var ready = Raft.Ready();
        if (ready.Snapshot is { } snapshot)
        {
            Storage.ApplySnapshot(snapshot);
            _configuration = snapshot.Metadata.ConfState;
        }

        Storage.Append(ready.Entries);
        if (ready.HardState is { } hardState)
            Storage.SetHardState(hardState);
        Reads.AddRange(ready.ReadStates);
        foreach (var entry in ready.CommittedEntries)
            Apply(entry);
        Raft.Advance();
        return ready.Messages;
    }

    /// <summary>Snapshot of everything applied; the log before it is dropped.</summary>
    public void Compact()
    {
        Storage.CreateSnapshot(Current());
        Storage.Compact(Raft.AppliedIndex);
    }

    private Snapshot Current() =>
        new(new SnapshotMetadata(_configuration, Raft.AppliedIndex, Storage.Term(Raft.AppliedIndex)), default);

    private void Apply(in Entry entry)
    {
        if (ConfChangeCodec.DecodeEntry(entry) is { } change)
            _configuration = Raft.ApplyConfChange(change);
        else if (!entry.Data.IsEmpty)
            Applied.Add(Encoding.ASCII.GetString(entry.Data.Span));
    }
}
