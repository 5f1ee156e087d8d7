using System.Globalization;

namespace EtcdNet.Host.Configuration;

/// <summary>What <c>--auto-compaction-mode</c> and <c>--auto-compaction-retention</c> ask for; at most one of the two is not 0.</summary>
/// <param name="Period">Span of time whose history is kept.</param>
/// <param name="Revisions">Revisions that are kept.</param>
public readonly record struct CompactionRetention(TimeSpan Period, long Revisions)
{
    /// <summary>
    /// As etcd reads it: a plain number is hours or revisions, by the mode; anything else must be a duration, which in
    /// revision mode stands for its nanoseconds.
    /// </summary>
    /// <exception cref="ConfigurationException">Neither, or negative, or too large.</exception>
    public static CompactionRetention Parse(string mode, string retention)
    {
        bool byRevision = mode == "revision";
        if (long.TryParse(retention, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= 0)
        {
            if (byRevision)
                return new CompactionRetention(default, number);
            return number <= TimeSpan.MaxValue.TotalHours / 100
                ? new CompactionRetention(TimeSpan.FromHours(number), 0)
                : throw new ConfigurationException($"--auto-compaction-retention is too large ({retention})");
        }
        if (!GoValue.TryParseDuration(retention, out TimeSpan span))
            throw new ConfigurationException($"error parsing CompactionRetention: time: invalid duration \"{retention}\"");
        if (span < TimeSpan.Zero)
            throw new ConfigurationException($"--auto-compaction-retention must not be negative ({retention})");
        return byRevision ? new CompactionRetention(default, span.Ticks * TimeSpan.NanosecondsPerTick) : new CompactionRetention(span, 0);
    }
}
