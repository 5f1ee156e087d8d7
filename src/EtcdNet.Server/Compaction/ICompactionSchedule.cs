namespace EtcdNet.Server.Compaction;

/// <summary>Says when to compact and where; knows no clock and no log. One thread at a time.</summary>
internal interface ICompactionSchedule
{
    /// <summary>Time between two calls of <see cref="Due"/>.</summary>
    TimeSpan Interval { get; }

    /// <summary>One step.</summary>
    /// <param name="elapsed">Time since the schedule was made.</param>
    /// <param name="revision">Current revision.</param>
    /// <param name="leads">This member leads: only then anything is due, but the revisions are noted in any case.</param>
    /// <returns>The revision to compact at; null for nothing to do.</returns>
    long? Due(TimeSpan elapsed, long revision, bool leads);

    /// <summary>The compaction that was due is done, by whomever. Not called when it failed: it is due again at the next step.</summary>
    void Done(long compacted, TimeSpan elapsed);
}
