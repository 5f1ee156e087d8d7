using System.Collections.Concurrent;
using System.Globalization;
using Google.Protobuf;

namespace EtcdNet.Conformance.Crash;

/// <summary>A write of the kill test: the keys it sets to one value, or deletes, all in one revision.</summary>
/// <param name="Id">Number of the write; no two writes of a run share it. The value written begins with it.</param>
/// <param name="Keys">The keys, each used by one client only.</param>
/// <param name="IsDelete">Whether the keys are deleted.</param>
/// <param name="Lease">The lease of what is put; 0 for none.</param>
/// <param name="ValueBytes">Least length of the value.</param>
internal sealed record Write(long Id, string[] Keys, bool IsDelete, long Lease = 0, int ValueBytes = 0)
{
    /// <summary>The key that a deletion writes beside what it deletes, so that it always makes a revision.</summary>
    public string Marker => $"marker/{Keys[0].Split('/')[1]}";

    /// <summary>The keys that are put.</summary>
    public IReadOnlyList<string> Puts => IsDelete ? [Marker] : Keys;

    /// <summary>The value that is put.</summary>
    public ByteString Value => ByteString.CopyFromUtf8(Id.ToString(CultureInfo.InvariantCulture).PadRight(ValueBytes, '.'));
}

/// <summary>
/// What the clients of a round know, kept apart from the server: the writes that were acknowledged, with their revision, and those whose fate is open
/// because the server was killed before it answered. Thread-safe.
/// </summary>
internal sealed class Ledger
{
    private readonly ConcurrentDictionary<long, Write> _acknowledged = new();
    private readonly ConcurrentBag<Write> _open = [];
    private readonly ConcurrentBag<HashNote> _hashes = [];
    private long _highest = 1;
    private int _count;

    /// <summary>Revision → write.</summary>
    public IReadOnlyDictionary<long, Write> Acknowledged => _acknowledged;

    /// <summary>Writes without an answer: each may have happened as a whole, or not at all.</summary>
    public IReadOnlyCollection<Write> Open => _open;

    /// <summary>Hashes that the server told before it was killed.</summary>
    public IReadOnlyCollection<HashNote> Hashes => _hashes;

    /// <summary>Number of acknowledged writes.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The highest acknowledged revision.</summary>
    public long HighestRevision => Interlocked.Read(ref _highest);

    /// <summary>A compaction that was asked for; 0 for none.</summary>
    public long CompactionAsked { get; set; }

    /// <summary>Whether it was acknowledged, its physical half included.</summary>
    public bool CompactionDone { get; set; }

    /// <summary>Notes an acknowledged write; two of them must not share a revision.</summary>
    public void Acknowledge(Write write, long revision)
    {
        Assert.True(_acknowledged.TryAdd(revision, write), $"revision {revision} was given to two writes");
        InterlockedMax(revision);
        Interlocked.Increment(ref _count);
    }

    /// <summary>Notes a write that got no answer.</summary>
    public void LeaveOpen(Write write) => _open.Add(write);

    /// <summary>Notes a hash.</summary>
    public void Note(HashNote note) => _hashes.Add(note);

    private void InterlockedMax(long revision)
    {
        long seen = Interlocked.Read(ref _highest);
        while (revision > seen)
            seen = Interlocked.CompareExchange(ref _highest, revision, seen) is var now && now == seen ? revision : now;
    }
}

/// <summary>HashKV of a revision.</summary>
internal sealed record HashNote(long Revision, uint Hash, long CompactRevision);
