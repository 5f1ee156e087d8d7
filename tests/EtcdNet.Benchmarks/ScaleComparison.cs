using System.Diagnostics;
using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Benchmarks;

/// <summary>
/// Very many keys of 256 B: memory, counts, limited ranges, history, values that are not in memory, restarts.
/// Arguments: [keys, 1000000] [etcdnet: only our own server].
/// </summary>
internal static class ScaleComparison
{
    private const int ValueBytes = 256;

    /// <summary>Measures a real etcd and EtcdNet one after the other and prints a table.</summary>
    public static async Task RunAsync(string[] args)
    {
        int keys = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
        ServerTarget[] targets = args is [_, "etcdnet"] ? [ServerTarget.EtcdNet] : [ServerTarget.Oracle, ServerTarget.EtcdNet];
        Console.WriteLine($"{keys:N0} keys of {ValueBytes} B");
        foreach (var target in targets)
            await MeasureAsync(target, keys);
    }

    private static async Task MeasureAsync(ServerTarget target, int keys)
    {
        await using var server = await ServerProcess.StartAsync(target, null, "--quota-backend-bytes", "17179869184");
        using var client = new EtcdClient(server.ClientUrl);
        var filler = new Filler(client);
        var watch = Stopwatch.StartNew();
        await filler.PutAsync(keys, ValueBytes, static i => i);
        Row(target, "fill, s", watch.Elapsed.TotalSeconds);
        long old = (await client.StatusAsync()).Answer.Header.Revision;
        await filler.PutAsync(keys / 100, ValueBytes, i => i * 100);
        Row(target, "RSS after filling, MB", Megabytes(server));

        await RangesAsync(target, client, 0, "");
        await RangesAsync(target, client, old, " at an older revision");
        Row(target, "get of a random key, ms", await MedianAsync(501, () => GetAsync(client, Random.Shared.Next(keys), 0)));
        Row(target, "get of a random key at an older revision, ms", await MedianAsync(501, () => GetAsync(client, Random.Shared.Next(keys), old)));
        Row(target, "RSS after reads, MB", Megabytes(server));

        Row(target, "restart after SIGTERM to the first answer, s", await RestartAsync(server, client, keys, kill: false));
        Row(target, "RSS after that restart, MB", Megabytes(server));
        await filler.PutAsync(keys / 100, ValueBytes, i => i * 100);
        Row(target, "restart after SIGKILL to the first answer, s", await RestartAsync(server, client, keys, kill: true));
    }

    private static async Task RangesAsync(ServerTarget target, EtcdClient client, long revision, string suffix)
    {
        var all = new RangeRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd, Revision = revision };
        var count = new RangeRequest(all) { CountOnly = true };
        var limited = new RangeRequest(all) { Limit = 1000 };
        Row(target, $"count over all{suffix}, ms", await MedianAsync(21, () => client.RangeAsync(count)));
        Row(target, $"limit 1000{suffix}, ms", await MedianAsync(21, () => client.RangeAsync(limited)));
    }

    private static async Task GetAsync(EtcdClient client, int key, long revision)
    {
        var answer = (await client.RangeAsync(new RangeRequest { Key = Filler.Key(key), Revision = revision })).Answer;
        if (answer.Kvs is not [{ Value.Length: ValueBytes }])
            throw new InvalidOperationException($"key {key} is missing at revision {revision}");
    }

    private static async Task<double> MedianAsync<T>(int times, Func<T> call)
        where T : Task
    {
        var took = new List<double>();
        for (int i = 0; i < times; i++)
        {
            long started = Stopwatch.GetTimestamp();
            await call();
            took.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        took.Sort();
        return took[took.Count / 2];
    }

    /// <summary>From the start of the process to a linearizable read, with everything found again.</summary>
    private static async Task<double> RestartAsync(ServerProcess server, EtcdClient client, int keys, bool kill)
    {
        if (kill)
            await server.KillAsync();
        else
            await server.TerminateAsync();
        long started = Stopwatch.GetTimestamp();
        await server.StartAsync();
        await GetAsync(client, keys / 2, 0);
        double took = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var all = new RangeRequest { Key = Filler.Prefix, RangeEnd = Filler.PrefixEnd, CountOnly = true };
        long count = (await client.RangeAsync(all)).Answer.Count;
        if (count != keys)
            throw new InvalidOperationException($"{count} keys after the restart instead of {keys}");
        return took;
    }

    private static double Megabytes(ServerProcess server) => ProcessMeter.ResidentMebibytes(server.Id) * 1.048576;

    private static void Row(ServerTarget target, string what, double figure) =>
        Console.WriteLine($"{target.Name,-14} {what,-48} {figure.ToString(figure < 100 ? "0.00" : "0", CultureInfo.InvariantCulture),10}");
}
