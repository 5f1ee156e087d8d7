using System.Text;
using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>One member of a trace: the node, its storage, its two workers' queues and a state machine that appends everything.</summary>
internal sealed class TraceNode(RaftOptions options, MemoryStorage storage, Snapshot initial, TraceOutput output)
{
    public RaftNode Raft { get; } = new(options, storage);

    public RaftOptions Options { get; } = options;

    public MemoryStorage Storage { get; } = storage;

    public Queue<Message> AppendWork { get; } = new();

    public Queue<Message> ApplyWork { get; } = new();

    /// <summary>The state machine after the last applied entry.</summary>
    public Snapshot State { get; private set; } = initial;

    public static TraceNode Create(ulong id, Func<MemoryStorage, RaftOptions> options, Snapshot initial, TraceOutput output)
    {
        var storage = new MemoryStorage();
        if (!initial.IsEmpty)
            storage.ApplySnapshot(initial);
        var node = new TraceNode(options(storage), storage, initial, output);
        storage.SnapshotOverride = () => node.State;
        Assert.Equal(id, node.Raft.Id);
        return node;
    }

    /// <summary>Does the work of one Ready; returns the messages for other members.</summary>
    public List<Message> ProcessReady()
    {
        var ready = Raft.Ready();
        output.Print(Describe.Ready(ready));
        var outgoing = new List<Message>();
        if (!Options.AsyncStorageWrites)
        {
            Persist(ready.HardState ?? default, ready.Entries, ready.Snapshot);
            Apply(ready.CommittedEntries);
        }

        foreach (var message in ready.Messages)
        {
            switch (message.To)
            {
                case LocalThreads.Append:
                    AppendWork.Enqueue(message);
                    break;
                case LocalThreads.Apply:
                    ApplyWork.Enqueue(message);
                    break;
                default:
                    outgoing.Add(message);
                    break;
            }
        }

        if (!Options.AsyncStorageWrites)
            Raft.Advance();
        return outgoing;
    }

    public IReadOnlyList<Message> ProcessAppendThread() => Process(AppendWork, "append", m => Persist(m.HardState, m.Entries, m.Snapshot));

    public IReadOnlyList<Message> ProcessApplyThread() => Process(ApplyWork, "apply", m => Apply(m.Entries));

    private IReadOnlyList<Message> Process(Queue<Message> queue, string name, Action<Message> work)
    {
        if (queue.Count == 0)
        {
            output.Print($"no {name} work to perform");
            return [];
        }

        var message = queue.Dequeue();
        output.Print("Processing:");
        output.Print(Describe.Message(new Message
        {
            Type = message.Type, To = message.To, From = message.From, Term = message.Term, Vote = message.Vote,
            Commit = message.Commit, Entries = message.Entries, Snapshot = message.Snapshot,
        }));
        work(message);
        output.Print("Responses:");
        foreach (var response in message.Responses)
            output.Print(Describe.Message(response));
        return message.Responses;
    }

    private void Persist(HardState hardState, IReadOnlyList<Entry> entries, Snapshot? snapshot)
    {
        if (!hardState.IsEmpty)
            Storage.SetHardState(hardState);
        if (snapshot is not null)
        {
            Assert.Empty(entries);
            Storage.ApplySnapshot(snapshot);
            State = snapshot;
        }

        Storage.Append(entries);
    }

    private void Apply(IReadOnlyList<Entry> entries)
    {
        foreach (var entry in entries)
        {
            var configuration = State.Metadata.ConfState;
            if (ConfChangeCodec.DecodeEntry(entry) is { } change)
                configuration = Raft.ApplyConfChange(change);
            byte[] data = [.. State.Data.Span, .. Encoding.ASCII.GetBytes("|"), .. entry.Data.Span];
            State = new Snapshot(new SnapshotMetadata(configuration, entry.Index, entry.Term), data);
        }
    }
}
