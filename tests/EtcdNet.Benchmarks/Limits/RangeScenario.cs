using EtcdNet.Benchmarks.Http2;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>1,000,000 keys of 256 B: all of them in one answer, counts, the first thousand.</summary>
internal sealed class RangeScenario : ILimitsScenario
{
    private const int Keys = 1_000_000;
    private const int ValueBytes = 256;
    private const int Times = 100;

    /// <inheritdoc/>
    public string Word => "range";

    /// <inheritdoc/>
    public string Title => $"{Keys:N0} keys of {ValueBytes} B";

    /// <inheritdoc/>
    public async Task RunAsync(LimitsRun run)
    {
        await run.StepAsync("fill", () => new Filler(run.Client).PutAsync(Keys, ValueBytes, static i => i));
        await run.StepAsync($"count {Times} times", () => RangeAsync(run, Times, 1, static all => all.CountOnly = true));
        await run.StepAsync($"limit 1000, {Times} times", () => RangeAsync(run, Times, 1, static all => all.Limit = 1000));
        for (int round = 1; round <= 2; round++)
            await run.StepAsync($"everything in one answer, {Ordinal(round)}", () => EverythingAsync(run, 1));
        await run.StepAsync("everything, 4 clients at once", () => EverythingAsync(run, 4));
    }

    private static string Ordinal(int round) => round == 1 ? "the first time" : "again";

    private static async Task EverythingAsync(LimitsRun run, int clients)
    {
        long bytes = await RangeAsync(run, clients, clients, static _ => { });
        if (bytes < (long)clients * Keys * ValueBytes)
            throw new InvalidOperationException($"only {bytes} bytes in {clients} answers");
    }

    private static async Task<long> RangeAsync(LimitsRun run, int times, int clients, Action<RangeRequest> change)
    {
        var request = new RangeRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd };
        change(request);
        var load = new UnaryLoad(run.Url, "/etcdserverpb.KV/Range", clients, 1);
        await load.RunAsync(times, _ => request);
        return load.Bytes;
    }
}
