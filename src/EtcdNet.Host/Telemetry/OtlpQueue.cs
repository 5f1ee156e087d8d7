using System.Threading.Channels;
using EtcdNet.Server.Metrics;
using Google.Protobuf;

namespace EtcdNet.Host.Telemetry;

/// <summary>
/// Records that wait to be sent: requests put them in and never wait, a task in the background sends them in batches. When the
/// collector is too slow or away, new records are dropped and counted.
/// </summary>
/// <typeparam name="T">What a record is made of.</typeparam>
/// <param name="service">Path of the collector's method.</param>
/// <param name="encode">Makes the request for a batch; runs in the background.</param>
internal sealed class OtlpQueue<T>(string service, Func<IReadOnlyList<T>, IMessage> encode)
{
    private const int RecordsMax = 8192;
    private const int BatchMax = 512;
    private const int AttemptsMax = 5;
    private static readonly TimeSpan s_gather = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_firstPause = TimeSpan.FromSeconds(1);

    private readonly Channel<T> _records = Channel.CreateBounded<T>(new BoundedChannelOptions(RecordsMax)
    {
        SingleReader = true,
        // TryWrite then says no.
        FullMode = BoundedChannelFullMode.Wait,
    });

    private long _dropped;

    /// <summary>Records that nobody will see.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Puts a record in. Any thread; never waits.</summary>
    public void Add(T record)
    {
        if (!_records.Writer.TryWrite(record))
            Interlocked.Increment(ref _dropped);
    }

    /// <summary>Takes no more records; <see cref="RunAsync"/> ends when those that wait were tried once more.</summary>
    public void Complete() => _records.Writer.TryComplete();

    /// <summary>Sends until <see cref="Complete"/>. Never throws.</summary>
    /// <param name="client">The collector.</param>
    /// <param name="sent">Counts what was taken.</param>
    /// <param name="stopping">From then on nothing is tried twice, and pauses end.</param>
    /// <param name="giveUp">Ends everything.</param>
    public async Task RunAsync(OtlpClient client, Counter sent, CancellationToken stopping, CancellationToken giveUp)
    {
        var batch = new List<T>(BatchMax);
        while (await _records.Reader.WaitToReadAsync(CancellationToken.None).ConfigureAwait(false))
        {
            await PauseAsync(s_gather, stopping).ConfigureAwait(false);
            while (batch.Count < BatchMax && _records.Reader.TryRead(out T? record))
                batch.Add(record);
            if (await SendAsync(client, encode(batch), stopping, giveUp).ConfigureAwait(false))
                sent.Add(batch.Count);
            else
                Interlocked.Add(ref _dropped, batch.Count);
            batch.Clear();
        }
    }

    private async Task<bool> SendAsync(OtlpClient client, IMessage request, CancellationToken stopping, CancellationToken giveUp)
    {
        TimeSpan pause = s_firstPause;
        for (int attempt = 1; ; attempt++)
        {
            OtlpOutcome outcome = await client.SendAsync(service, request, giveUp).ConfigureAwait(false);
            if (outcome != OtlpOutcome.TryAgain || attempt == AttemptsMax || stopping.IsCancellationRequested)
                return outcome == OtlpOutcome.Taken;
            await PauseAsync(pause, stopping).ConfigureAwait(false);
            pause *= 2;
        }
    }

    private static Task PauseAsync(TimeSpan pause, CancellationToken stopping) =>
        Task.Delay(pause, stopping).ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
}
