using EtcdNet.Benchmarks.Http2;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>10,000 keys of one prefix, overwritten several times, watched from the first revision on, alone and by many at once under writes.</summary>
internal sealed class HistoryScenario : ILimitsScenario
{
    private const int Keys = 10_000;
    private const int Versions = 5;
    private const int Events = Keys * Versions;
    private const int ManyConnections = 10;
    private const int StreamsPerConnection = 10;
    private const int Many = ManyConnections * StreamsPerConnection;
    private const int QuietWrites = 2000;
    private static readonly ByteString _value = ByteString.CopyFrom(new byte[256]);

    /// <inheritdoc/>
    public string Word => "history";

    /// <inheritdoc/>
    public string Title => $"{Keys:N0} keys of one prefix with {Versions} versions each, watched from revision 2 on";

    /// <inheritdoc/>
    public async Task RunAsync(LimitsRun run)
    {
        await run.StepAsync($"{Events:N0} puts", () => new UnaryLoad(run.Url, "/etcdserverpb.KV/Put", 10, 10).RunAsync(Events, Put));
        for (int round = 1; round <= 2; round++)
            await run.StepAsync($"1 watcher to its {Events:N0}th event, {(round == 1 ? "the first time" : "again")}", () => WatchAsync(run, 1, 1));
        await using (SteadyWriter quiet = Write(run, QuietWrites))
            run.Latencies("a put, nobody watches", await quiet.FinishAsync(TimeSpan.FromMinutes(5)));
        await using SteadyWriter writer = Write(run, int.MaxValue);
        await run.StepAsync(
            $"{Many} watchers at once to their {Events:N0}th event, under writes", () => WatchAsync(run, ManyConnections, StreamsPerConnection));
        double[] took = await writer.StopAsync();
        run.Latencies($"a put while {Many} watchers catch up", took);
        run.Figures.Add(("slowest of these puts, ms", took[^1]));
        run.Figures.Add(("these puts", took.Length));
    }

    private static SteadyWriter Write(LimitsRun run, int count) => SteadyWriter.Start(
        run.Url, "/etcdserverpb.KV/Put", new PutRequest { Key = ByteString.CopyFromUtf8("elsewhere"), Value = _value }, count);

    private static PutRequest Put(int number) => new() { Key = Filler.Key(number % Keys), Value = _value };

    private static async Task WatchAsync(LimitsRun run, int connections, int streams)
    {
        await using DuplexLoad load = await DuplexLoad.OpenAsync(run.Url, WatchAnswers.Path, connections, streams, WatchAnswers.Read);
        var create = new WatchCreateRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd, StartRevision = 2 };
        // The answers to the creations come before the events, but are not waited for alone.
        await load.AskAsync(connections * streams, _ => new WatchRequest { CreateRequest = create }, inFlightPerConnection: streams);
        await load.UntilEventsAsync((long)connections * streams * Events);
    }
}
