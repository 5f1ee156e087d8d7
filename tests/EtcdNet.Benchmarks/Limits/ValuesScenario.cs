using EtcdNet.Benchmarks.Http2;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>Values of 1.5 MB, the largest that etcd takes by default.</summary>
internal sealed class ValuesScenario : ILimitsScenario
{
    private const int Values = 200;
    private const int ValueBytes = 1_500_000;
    private const int Clients = 4;
    private const int Watchers = 5;

    /// <inheritdoc/>
    public string Word => "values";

    /// <inheritdoc/>
    public string Title => $"{Values} values of {ValueBytes / 1e6:0.0} MB";

    /// <inheritdoc/>
    public async Task RunAsync(LimitsRun run)
    {
        await run.StepAsync($"put each, {Clients} clients, the first time", () => PutAsync(run));
        await run.StepAsync($"put each, {Clients} clients, again", () => PutAsync(run));
        await run.StepAsync($"get each, {Clients} clients", () => RangeAsync(run, Values, Clients, static i => new RangeRequest { Key = Filler.Key(i) }));
        await run.StepAsync("all in one answer", () => RangeAsync(run, 1, 1, static _ => new RangeRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd }));
        await run.StepAsync($"put each, {Watchers} watchers listen", () => WatchAsync(run, 0, Values, () => PutAsync(run)));
        await run.StepAsync($"{Watchers} watchers from the first revision on", () => WatchAsync(run, 2, 3 * Values, static () => Task.CompletedTask));
    }

    private static Task PutAsync(LimitsRun run)
    {
        int next = -1;
        return Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => WriteAsync()));

        async Task WriteAsync()
        {
            byte[] value = new byte[ValueBytes];
            for (int key = Interlocked.Increment(ref next); key < Values; key = Interlocked.Increment(ref next))
            {
                Random.Shared.NextBytes(value);
                _ = (await run.Client.PutAsync(new PutRequest { Key = Filler.Key(key), Value = UnsafeByteOperations.UnsafeWrap(value) })).Answer;
            }
        }
    }

    private static async Task RangeAsync(LimitsRun run, int times, int clients, Func<int, RangeRequest> request)
    {
        var load = new UnaryLoad(run.Url, "/etcdserverpb.KV/Range", clients, 1);
        await load.RunAsync(times, request);
        if (load.Bytes < (long)Values * ValueBytes)
            throw new InvalidOperationException($"only {load.Bytes} bytes in {times} answers");
    }

    private static async Task WatchAsync(LimitsRun run, long from, int events, Func<Task> meanwhile)
    {
        await using DuplexLoad load = await DuplexLoad.OpenAsync(run.Url, WatchAnswers.Path, Watchers, 1, WatchAnswers.Read);
        var create = new WatchCreateRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd, StartRevision = from };
        await load.AskAsync(Watchers, _ => new WatchRequest { CreateRequest = create }, inFlightPerConnection: 1);
        await meanwhile();
        await load.UntilEventsAsync((long)Watchers * events);
    }
}
