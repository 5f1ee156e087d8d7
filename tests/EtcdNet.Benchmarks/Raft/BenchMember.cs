using EtcdNet.Raft;

namespace EtcdNet.Benchmarks.Raft;

/// <summary>A member in async mode, as the server runs it; its two workers finish at once.</summary>
internal sealed class BenchMember
{
    private readonly BenchStorage _storage;

    public BenchMember(ulong id, ConfState configuration)
    {
        _storage = new BenchStorage(configuration);
        Raft = new RaftNode(
            new RaftOptions { Id = id, AsyncStorageWrites = true, PreVote = true, CheckQuorum = true, Random = new Random((int)id) }, _storage);
    }

    public RaftNode Raft { get; }

    /// <summary>Does all work there is; messages for others go to <paramref name="network"/>.</summary>
    public void Work(Queue<Message> network)
    {
        while (Raft.HasReady)
        {
            var messages = Raft.Ready().Messages;
            for (var i = 0; i < messages.Count; i++)
                Route(messages[i], network);
        }
    }

    private void Route(Message message, Queue<Message> network)
    {
        if (message.To == LocalThreads.Append)
            _storage.Append(EntrySlice.From(message.Entries));
        else if (message.To == LocalThreads.Apply)
            _storage.Compact(Math.Min(Raft.AppliedIndex, message.Entries[0].Index - 1));
        else if (message.To == Raft.Id)
            Raft.Step(message);
        else
            network.Enqueue(message);
        var responses = message.Responses;
        for (var i = 0; i < responses.Count; i++)
            Route(responses[i], network);
    }
}
