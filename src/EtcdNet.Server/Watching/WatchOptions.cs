namespace EtcdNet.Server.Watching;

/// <summary>Limits and timers of watching; the defaults are etcd's where it has the same limit (surface 1.5).</summary>
public sealed class WatchOptions
{
    /// <summary>Shortest progress interval.</summary>
    public static readonly TimeSpan ProgressIntervalMin = TimeSpan.FromMilliseconds(100);

    private readonly TimeSpan _progressInterval = TimeSpan.FromMinutes(10);

    /// <summary>
    /// An idle watcher with progress_notify is told the revision this often (--watch-progress-notify-interval); up to 10 %
    /// are added at random per stream. Smaller values are raised to <see cref="ProgressIntervalMin"/>. Default 10 minutes.
    /// </summary>
    public TimeSpan ProgressInterval
    {
        get => _progressInterval;
        init => _progressInterval = value < ProgressIntervalMin ? ProgressIntervalMin : value;
    }

    /// <summary>
    /// A response with several events that is larger is split when the watcher asked for fragments, in bytes:
    /// --max-request-bytes + 512 KiB. Default 2 MiB.
    /// </summary>
    public int FragmentBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>
    /// Event responses that may wait for one client before its watchers count as slow; never less than two for each watcher
    /// of the stream. A waiting response costs some 40 bytes, its events are shared. Default 128, as etcd.
    /// </summary>
    public int QueuedResponsesMax { get; init; } = 128;

    /// <summary>Bytes of events that may wait for one client before its watchers count as slow. Default 8 MiB.</summary>
    public long QueuedBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>Answers to creates, cancels and progress requests that may wait before requests are read no further. Default 4096.</summary>
    public int QueuedControlMax { get; init; } = 4096;

    /// <summary>Revisions kept in memory for watchers that are a little behind. Default 1024.</summary>
    public int RecentRevisionsMax { get; init; } = 1024;

    /// <summary>Bytes of events kept in memory for watchers that are a little behind. Default 8 MiB.</summary>
    public long RecentBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>Revisions that may wait to be matched before all watchers have to read the history. Default 1024.</summary>
    public int InboxRevisionsMax { get; init; } = 1024;

    /// <summary>Bytes of events that may wait to be matched before all watchers have to read the history. Default 16 MiB.</summary>
    public long InboxBytesMax { get; init; } = 16 * 1024 * 1024;

    /// <summary>Events per response and per read of the history, exceeded only to keep a revision whole. Default 1000.</summary>
    public int CatchUpEventsMax { get; init; } = 1000;

    /// <summary>
    /// Bytes of events per response of several revisions, and aimed at per read of the history. Default 64 KiB: a larger piece occupies a thread for
    /// longer, and when a hundred streams catch up, everybody else's requests wait behind them.
    /// </summary>
    public int CatchUpBytesMax { get; init; } = 64 * 1024;

    /// <summary>
    /// Bytes of the past that are kept while several catch up, for those who follow close behind; their encoded form comes on top. Default 8 MiB.
    /// </summary>
    public long PastBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>Pieces of the past, each of one read of the history, that are kept likewise. Default 64: 4 MiB of small events.</summary>
    public int PastPiecesMax { get; init; } = 64;

    /// <summary>Streams that may catch up at the same moment; the others wait for their turn. Default: number of processors, at least 2.</summary>
    public int CatchUpTurnsMax { get; init; } = Math.Max(2, Environment.ProcessorCount);

    /// <summary>Reads of the history that may run at a time. Default: number of processors, at least 2.</summary>
    public int HistoryReadersMax { get; init; } = Math.Max(2, Environment.ProcessorCount);
}
