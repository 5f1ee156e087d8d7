namespace EtcdNet.Model;

/// <summary>What a run has really come to see; a check that saw nothing proves nothing. Thread-safe.</summary>
public sealed class Tally
{
    private long _revisions;
    private long _refusals;
    private long _events;
    private long _restarts;
    private long _powerCuts;
    private long _fromCheckpoint;
    private long _compactions;
    private long _collectedBytes;

    /// <summary>Revisions made.</summary>
    public long Revisions => Interlocked.Read(ref _revisions);

    /// <summary>Requests that had to be refused.</summary>
    public long Refusals => Interlocked.Read(ref _refusals);

    /// <summary>Events that watchers got.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Stops in good order.</summary>
    public long Restarts => Interlocked.Read(ref _restarts);

    /// <summary>Power cuts.</summary>
    public long PowerCuts => Interlocked.Read(ref _powerCuts);

    /// <summary>Starts that found a checkpoint.</summary>
    public long FromCheckpoint => Interlocked.Read(ref _fromCheckpoint);

    /// <summary>Compactions that were not refused.</summary>
    public long Compactions => Interlocked.Read(ref _compactions);

    /// <summary>Bytes of the store that were collected.</summary>
    public long CollectedBytes => Interlocked.Read(ref _collectedBytes);

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Revisions} revisions, {Refusals} refusals, {Events} events watched, {Compactions} compactions, {CollectedBytes >> 20} MiB collected, "
        + $"{Restarts} restarts and {PowerCuts} power cuts, {FromCheckpoint} of them recovered from a checkpoint";

    internal void AddRevisions(long count) => Interlocked.Add(ref _revisions, count);

    internal void AddRefusal() => Interlocked.Increment(ref _refusals);

    internal void AddEvents(int count) => Interlocked.Add(ref _events, count);

    internal void AddRestart(bool powerCut) => Interlocked.Increment(ref powerCut ? ref _powerCuts : ref _restarts);

    internal void AddFromCheckpoint() => Interlocked.Increment(ref _fromCheckpoint);

    internal void AddCompaction() => Interlocked.Increment(ref _compactions);

    internal void AddCollected(long bytes) => Interlocked.Add(ref _collectedBytes, bytes);
}
