using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks;

/// <summary>
/// Overwrites the same keys again and again with a compaction every tenth of the way: what grows has to stop growing.
/// Arguments: [overwrites, 1000000] [keys, 10000].
/// </summary>
internal static class GrowthRun
{
    private const int Steps = 20;

    /// <summary>Prints a line a step: memory, files and sizes.</summary>
    public static async Task RunAsync(string[] args)
    {
        int overwrites = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 1_000_000;
        int keys = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 10_000;
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet);
        using var client = new EtcdClient(server.ClientUrl);
        var filler = new Filler(client);
        Console.WriteLine($"{overwrites:N0} overwrites of {keys:N0} keys of 256 B, a compaction every {overwrites / Steps:N0}");
        Console.WriteLine($"{"overwrites",12} {"RSS MB",8} {"db MB",8} {"in use MB",10} {"log MB",8} {"files",6} {"directory MB",13}");
        for (int step = 0; step <= Steps; step++)
        {
            if (step > 0)
                await filler.PutAsync(overwrites / Steps, 256, i => i % keys);
            var status = (await client.StatusAsync()).Answer;
            if (step > 0)
                _ = (await client.CompactAsync(new CompactionRequest { Revision = status.Header.Revision, Physical = true })).Answer;
            Print(step * (overwrites / Steps), server, (await client.StatusAsync()).Answer);
        }
    }

    private static void Print(int overwrites, ServerProcess server, StatusResponse status)
    {
        var files = new DirectoryInfo(server.DataDirectory).GetFiles("*", SearchOption.AllDirectories);
        long log = files.Where(f => f.Directory!.Name == "wal").Sum(f => f.Length);
        double rss = ProcessMeter.ResidentMebibytes(server.Id) * 1.048576;
        Console.WriteLine(
            $"{overwrites,12:N0} {rss,8:0} {status.DbSize / 1e6,8:0.0} {status.DbSizeInUse / 1e6,10:0.0} {log / 1e6,8:0} {files.Length,6} {files.Sum(f => f.Length) / 1e6,13:0}");
    }
}
