using System.Collections.Concurrent;

namespace EtcdNet.Conformance.Crash;

/// <summary>A write of the kill test: the keys it sets to one value, or deletes, all in one revision.</summary>
/// <param name="Id">Number of the write; no two writes of a run share it. It is also the value written.</param>
/// <param name="Keys">The keys, each used by one client only.</param>
/// <param name="IsDelete">Whether the keys are deleted.</param>
internal sealed record Write(long Id, string[] Keys, bool IsDelete);

/// <summary>
/// What the clients know, kept apart from the server: the writes that were acknowledged, with their revision, and those whose fate is open
/// because the server was killed before it answered. Thread-safe.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<long, Write> _acknowledged = new();
    private readonly ConcurrentBag<Write> _open = [];

    /// <summary>Revision → write.</summary>
    public IReadOnlyDictionary<long, Write> Acknowledged => _acknowledged;

    /// <summary>Writes without an answer: each may have happened as a whole, or not at all.</summary>
    public IReadOnlyCollection<Write> Open => _open;

    /// <summary>The highest acknowledged revision.</summary>
    public long HighestRevision => _acknowledged.IsEmpty ? 1 : _acknowledged.Keys.Max();

    /// <summary>Notes an acknowledged write; two of them must not share a revision.</summary>
    public void Acknowledge(Write write, long revision) =>
        Assert.True(_acknowledged.TryAdd(revision, write), $"revision {revision} was given to two writes");

    /// <summary>Notes a write that got no answer.</summary>
    public void LeaveOpen(Write write) => _open.Add(write);
}
