namespace EtcdNet.Raft.Reads;

/// <summary>
/// Reads that wait until a quorum confirms the leader (Raft thesis §6.4), oldest first. A confirmation of one read confirms all
/// before it, since it came later.
/// </summary>
internal sealed class ReadOnlyQueue
{
    private readonly List<Pending> _queue = [];

    /// <summary>Context of the newest read; a heartbeat with it confirms everything that waits.</summary>
    public ReadOnlyMemory<byte> LastContext => _queue.Count == 0 ? default : _queue[^1].Context;

    /// <summary>Adds a read at the commit index of this moment; a context that already waits is not added again.</summary>
    public void Add(ulong index, Message request)
    {
        var context = request.Entries[0].Data;
        if (Find(context.Span) < 0)
            _queue.Add(new Pending(request, index, context));
    }

    /// <summary>Notes that <paramref name="id"/> confirmed; the votes so far, or null when no such read waits.</summary>
    public IReadOnlyDictionary<ulong, bool>? Acknowledge(ulong id, ReadOnlyMemory<byte> context)
    {
        var at = Find(context.Span);
        if (at < 0)
            return null;
        _queue[at].Votes[id] = true;
        return _queue[at].Votes;
    }

    /// <summary>Takes out the confirmed read and all before it.</summary>
    public IReadOnlyList<(Message Request, ulong Index)> Release(ReadOnlyMemory<byte> context)
    {
        var count = Find(context.Span) + 1;
        var released = new (Message Request, ulong Index)[count];
        for (var i = 0; i < count; i++)
            released[i] = (_queue[i].Request, _queue[i].Index);
        _queue.RemoveRange(0, count);
        return released;
    }

    public void Clear() => _queue.Clear();

    private int Find(ReadOnlySpan<byte> context)
    {
        // Heartbeats carry the newest context, so look from the end.
        for (var i = _queue.Count - 1; i >= 0; i--)
        {
            if (_queue[i].Context.Span.SequenceEqual(context))
                return i;
        }

        return -1;
    }

    private sealed record Pending(Message Request, ulong Index, ReadOnlyMemory<byte> Context)
    {
        public Dictionary<ulong, bool> Votes { get; } = [];
    }
}
