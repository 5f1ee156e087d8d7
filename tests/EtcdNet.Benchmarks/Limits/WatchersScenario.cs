using EtcdNet.Benchmarks.Http2;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>10,000 watchers on 1,000 streams.</summary>
internal sealed class WatchersScenario(string word, int connections, WatchersScenario.Layout layout) : ILimitsScenario
{
    private const int Streams = 1000;
    private const int WatchersPerStream = 10;
    private const int Watchers = Streams * WatchersPerStream;
    private const int EventsOnPrefix = 100;
    private const int EventsPerKey = 10;
    private const int Clients = 10;
    private static readonly ByteString _value = ByteString.CopyFrom(new byte[256]);

    /// <summary>What the watchers look at.</summary>
    internal enum Layout
    {
        /// <summary>All of them at the same prefix.</summary>
        OnePrefix,

        /// <summary>Each at a key of its own.</summary>
        OwnKeys,
    }

    /// <inheritdoc/>
    public string Word => word;

    /// <inheritdoc/>
    public string Title =>
        $"{Watchers:N0} watchers on {Streams:N0} streams of {connections:N0} connections, {(layout == Layout.OnePrefix ? "all on one prefix" : "each on its own key")}";

    /// <inheritdoc/>
    public async Task RunAsync(LimitsRun run)
    {
        DuplexLoad? opened = null;
        await run.StepAsync($"open {Streams:N0} streams", async () => opened = await OpenAsync(run));
        await using (DuplexLoad load = opened!)
        {
            await run.StepAsync($"create {Watchers:N0} watchers", () => CreateAsync(load));
            int events = layout == Layout.OnePrefix ? EventsOnPrefix : EventsPerKey;
            int puts = layout == Layout.OnePrefix ? events : events * Watchers;
            await run.StepAsync($"{events} events to each ({puts:N0} puts)", async () =>
            {
                await new UnaryLoad(run.Url, "/etcdserverpb.KV/Put", 1, Clients).RunAsync(puts, Put);
                await load.UntilEventsAsync((long)events * Watchers);
            });
        }
        await using DuplexLoad late = await OpenAsync(run);
        await run.StepAsync($"create {Watchers:N0} watchers, again", () => CreateAsync(late));
    }

    private Task<DuplexLoad> OpenAsync(LimitsRun run) =>
        DuplexLoad.OpenAsync(run.Url, WatchAnswers.Path, connections, Streams / connections, WatchAnswers.Read);

    private Task CreateAsync(DuplexLoad load) => load.AskAsync(Watchers, Create, inFlightPerConnection: 100);

    private WatchRequest Create(int number) => new()
    {
        CreateRequest = layout == Layout.OnePrefix
            ? new WatchCreateRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd }
            : new WatchCreateRequest { Key = Filler.Key(number) },
    };

    private static PutRequest Put(int number) =>
        new() { Key = Filler.Key(number % Watchers), Value = _value };
}
