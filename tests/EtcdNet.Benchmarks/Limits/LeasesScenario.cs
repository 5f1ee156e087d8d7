using System.Globalization;
using EtcdNet.Benchmarks.Http2;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>100,000 leases with a key on each.</summary>
internal sealed class LeasesScenario : ILimitsScenario
{
    private const int Leases = 100_000;
    private const int Connections = 10;
    private const int Streams = 10;
    private const long FirstId = 0x1000_0000_0000;
    private const int ShortTtl = 45;
    private static readonly TimeSpan _expiryLimit = TimeSpan.FromMinutes(6);
    private static readonly TimeSpan _look = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public string Word => "leases";

    /// <inheritdoc/>
    public string Title => $"{Leases:N0} leases, {Connections}×{Streams} clients";

    /// <inheritdoc/>
    public async Task RunAsync(LimitsRun run)
    {
        await run.StepAsync("grant", () => GrantAsync(run, 3600));
        await using (DuplexLoad keepAlive = await DuplexLoad.OpenAsync(run.Url, "/etcdserverpb.Lease/LeaseKeepAlive", Connections, Streams, ReadRenewal))
        {
            for (int round = 1; round <= 2; round++)
                await run.StepAsync($"keep alive, round {round}", () => keepAlive.AskAsync(Leases, Renew, inFlightPerConnection: 100));
        }

        await run.StepAsync($"put a key on each, {Filler.PutsPerTxn} a transaction", () => AttachAsync(run));
        await run.StepAsync("list 10 times", () => ListAsync(run, 10));
        await run.StepAsync("time to live with keys, each", () => CallAsync(run, "LeaseTimeToLive", static i => new LeaseTimeToLiveRequest { ID = FirstId + i, Keys = true }));
        await run.StepAsync("revoke each, its key too", () => CallAsync(run, "LeaseRevoke", static i => new LeaseRevokeRequest { ID = FirstId + i }));
        await GrantAsync(run, ShortTtl);
        await AttachAsync(run);
        await UntilRevokedAsync(run, Leases + 1);
        await run.StepAsync("all expire, from the first to the last", () => UntilRevokedAsync(run, 2 * Leases));
        long left = (await run.Client.RangeAsync(new RangeRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd, CountOnly = true })).Answer.Count;
        if (left != 0)
            throw new InvalidOperationException($"{left} keys of expired leases are left");
    }

    private static Task<double[]> GrantAsync(LimitsRun run, long ttl) => CallAsync(run, "LeaseGrant", i => new LeaseGrantRequest { ID = FirstId + i, TTL = ttl });

    private static Task<double[]> CallAsync(LimitsRun run, string method, Func<int, IMessage> request) =>
        new UnaryLoad(run.Url, $"/etcdserverpb.Lease/{method}", Connections, Streams).RunAsync(Leases, request);

    private static LeaseKeepAliveRequest Renew(int number) => new() { ID = FirstId + number };

    private static (bool IsAnswer, int Events) ReadRenewal(ReadOnlySpan<byte> message)
    {
        var answer = LeaseKeepAliveResponse.Parser.ParseFrom(message);
        return answer.TTL > 0 ? (true, 0) : throw new InvalidOperationException($"lease {answer.ID} is gone");
    }

    private static Task AttachAsync(LimitsRun run) => new Filler(run.Client).PutAsync(Leases, 32, static i => i, static key => FirstId + key);

    private static async Task ListAsync(LimitsRun run, int times)
    {
        for (int i = 0; i < times; i++)
        {
            GrpcReply<LeaseLeasesResponse> reply = await run.Client.LeasesAsync();
            if (reply.Answer.Leases.Count != Leases)
                throw new InvalidOperationException($"{reply.Answer.Leases.Count} leases are listed");
        }
    }

    // Asks seldom, since a scrape is the dearest thing that happens meanwhile.
    private static async Task UntilRevokedAsync(LimitsRun run, long revoked)
    {
        using var limit = new CancellationTokenSource(_expiryLimit);
        using var timer = new PeriodicTimer(_look);
        while (await RevokedAsync(run) < revoked)
            await timer.WaitForNextTickAsync(limit.Token);
    }

    private static async Task<long> RevokedAsync(LimitsRun run)
    {
        const string Name = "\netcd_debugging_lease_revoked_total ";
        using var http = new HttpClient();
        string text = await http.GetStringAsync(new Uri(run.Url, "metrics"));
        int at = text.IndexOf(Name, StringComparison.Ordinal) + Name.Length;
        return (long)double.Parse(text[at..text.IndexOf('\n', at)], CultureInfo.InvariantCulture);
    }
}
