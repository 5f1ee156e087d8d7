namespace EtcdNet.Server.Compaction;

/// <summary>Keeps a number of revisions, each five minutes (<c>--auto-compaction-mode revision</c>, surface rule 20).</summary>
/// <param name="kept">Revisions to keep; more than 0.</param>
internal sealed class RevisionSchedule(long kept) : ICompactionSchedule
{
    private long _lastCompacted;

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromMinutes(5);

    /// <inheritdoc/>
    public long? Due(TimeSpan elapsed, long revision, bool leads)
    {
        long target = revision - kept;
        return leads && target > 0 && target != _lastCompacted ? target : null;
    }

    /// <inheritdoc/>
    public void Done(long compacted, TimeSpan elapsed) => _lastCompacted = compacted;
}
