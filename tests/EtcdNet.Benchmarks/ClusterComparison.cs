using System.Globalization;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks;

/// <summary>
/// Puts by h2load to the leader of three real etcds and of three EtcdNets in turns; the processor time of the three is added up.
/// Arguments: [requests a run, 40000] [rounds, 3].
/// </summary>
internal static class ClusterComparison
{
    private const int Members = 3;
    private static readonly TimeSpan _electionLimit = TimeSpan.FromSeconds(60);

    /// <summary>Runs the writing workloads and prints a table.</summary>
    public static async Task RunAsync(string[] args)
    {
        int requests = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 40_000;
        int rounds = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 3;
        using var files = new TempDirectory();
        var oracles = Create(ServerTarget.Oracle);
        var tested = Create(ServerTarget.EtcdNet);
        try
        {
            using Bench left = await FoundAsync(oracles, files);
            using Bench right = await FoundAsync(tested, files);
            Console.WriteLine($"{Members} members each, asked at the leader; CPU of all members together");
            await ComparisonTable.RunAsync(left, right, Workload.All.Where(static load => load.Method == "Put"), requests, rounds);
        }
        finally
        {
            foreach (ServerProcess server in oracles.Concat(tested))
                await server.DisposeAsync();
        }
    }

    private static ServerProcess[] Create(ServerTarget target)
    {
        ServerPlace[] places = [.. Enumerable.Range(0, Members).Select(static number => ServerPlace.OnLoopback($"m{number}"))];
        string all = string.Join(',', places.Select(static place => place.InitialCluster));
        return [.. places.Select(place => ServerProcess.Create(target, place with { InitialCluster = all }))];
    }

    private static async Task<Bench> FoundAsync(ServerProcess[] servers, TempDirectory files)
    {
        foreach (ServerProcess server in servers)
            server.Launch();
        foreach (ServerProcess server in servers)
            await server.WaitUntilReadyAsync();
        ServerProcess? leader = null;
        using var http = new HttpClient();
        await Deadline.UntilAsync(async () => (leader = await FindLeaderAsync(servers, http)) is not null, _electionLimit);
        return new Bench(leader!, files, [.. servers.Where(server => server != leader)]);
    }

    private static async Task<ServerProcess?> FindLeaderAsync(ServerProcess[] servers, HttpClient http)
    {
        foreach (ServerProcess server in servers)
        {
            if ((await http.GetStringAsync($"{server.ClientUrl}metrics")).Contains("\netcd_server_is_leader 1\n", StringComparison.Ordinal))
                return server;
        }

        return null;
    }
}
