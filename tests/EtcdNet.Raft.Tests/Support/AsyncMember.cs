using System.Text;

namespace EtcdNet.Raft.Tests.Support;

/// <summary>A node in async mode whose two workers do exactly what the test tells them.</summary>
internal sealed class AsyncMember
{
    public AsyncMember(ulong id, ulong[] voters, RaftSettings? settings = null)
    {
        Storage.ApplySnapshot(new Snapshot(new SnapshotMetadata(new ConfState { Voters = voters }, 1, 1), default));
        Raft = new RaftNode(((settings ?? new RaftSettings()) with { Async = true }).ToOptions(id), Storage);
    }

    public RaftNode Raft { get; }

    public MemoryStorage Storage { get; } = new();

    public Queue<Message> AppendWork { get; } = new();

    public Queue<Message> ApplyWork { get; } = new();

    /// <summary>Messages for other members.</summary>
    public List<Message> Sent { get; } = [];

    public List<string> Applied { get; } = [];

    /// <summary>Takes every Ready and sorts its messages.</summary>
    public void Collect()
    {
        while (Raft.HasReady)
        {
            foreach (var message in Raft.Ready().Messages)
                Route(message);
        }
    }

    /// <summary>Makes the oldest write durable and delivers its answers.</summary>
    public void FinishAppend()
    {
        var work = AppendWork.Dequeue();
        if (work.Snapshot is { } snapshot)
            Storage.ApplySnapshot(snapshot);
        Storage.Append(work.Entries);
        if (!work.HardState.IsEmpty)
            Storage.SetHardState(work.HardState);
        Answer(work);
    }

    /// <summary>Applies the oldest batch and delivers its answer.</summary>
    public void FinishApply()
    {
        var work = ApplyWork.Dequeue();
        foreach (var entry in work.Entries)
        {
            if (ConfChangeCodec.DecodeEntry(entry) is { } change)
                Raft.ApplyConfChange(change);
            else if (!entry.Data.IsEmpty)
                Applied.Add(Encoding.ASCII.GetString(entry.Data.Span));
        }

        Answer(work);
    }

    /// <summary>Everything until nothing is left.</summary>
    public void Settle()
    {
        for (Collect(); AppendWork.Count + ApplyWork.Count > 0; Collect())
        {
            if (AppendWork.Count > 0)
                FinishAppend();
            else
                FinishApply();
        }
    }

    public ProposeResult Propose(params string[] data) =>
        Raft.Propose([.. data.Select(d => (ReadOnlyMemory<byte>)Encoding.ASCII.GetBytes(d))]);

    private void Answer(Message work)
    {
        foreach (var response in work.Responses)
            Route(response);
    }

    private void Route(Message message)
    {
        switch (message.To)
        {
            case LocalThreads.Append:
                AppendWork.Enqueue(message);
                break;
            case LocalThreads.Apply:
                ApplyWork.Enqueue(message);
                break;
            case var to when to == Raft.Id:
                Assert.Equal(StepResult.Handled, Raft.Step(message));
                break;
            default:
                Sent.Add(message);
                break;
        }
    }
}
