using System.Globalization;
using System.Text.RegularExpressions;
using EtcdNet.Cluster.Tests.Faults;
using EtcdNet.Cluster.Tests.Load;
using EtcdNet.Testing;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Cluster.Tests.Growth;

/// <summary>A cluster grows from one member to five and shrinks to three by etcdctl, while clients read, write and watch.</summary>
public sealed partial class GrowthTests(ITestOutputHelper output)
{
    [Fact]
    public async Task One_grows_to_five_and_shrinks_to_three_under_load_and_nothing_is_lost()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        await using ProcessCluster cluster = await ProcessCluster.OnLoopbackAsync(1);
        await using var session = new FaultSession(cluster, seed);
        try
        {
            output.WriteLine(await session.RunPhaseAsync("1 → 3", async (progress, _) =>
            {
                await AddVoterAsync(session, progress);
                await AddLearnerAsync(session, progress);
            }));
            output.WriteLine(await session.RunPhaseAsync("3 → 5", async (progress, random) =>
            {
                await AddLearnerAsync(session, progress);
                await AddVoterAsync(session, progress);
                await MoveLeaderAsync(cluster, cluster.Members[random.Next(1, 5)]);
                await progress.MoreWritesAsync(20);
            }));
            await AssertSeenByOperatorsAsync(cluster);
            output.WriteLine(await session.RunPhaseAsync("5 → 3", async (progress, _) =>
            {
                // Once the leader itself, once another.
                await RemoveAsync(session, await cluster.LeaderAsync(), progress);
                ClusterMember leader = await cluster.LeaderAsync();
                await RemoveAsync(session, cluster.Members.First(member => member != leader), progress);
            }));
            await AssertSeenByOperatorsAsync(cluster);
            Assert.Equal(3, cluster.Members.Count);
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"seed {seed}: {error.Message}\nlogs: {cluster.KeepLogs($"growth-{seed}")}", error);
        }
    }

    private static async Task AddVoterAsync(FaultSession session, LoadProgress progress)
    {
        ClusterMember added = await AddAsync(session.Cluster, isLearner: false);
        await UseAsync(session, added, progress);
    }

    private static async Task AddLearnerAsync(FaultSession session, LoadProgress progress)
    {
        ClusterMember added = await AddAsync(session.Cluster, isLearner: true);
        ulong id = (await added.StatusAsync())!.Header.MemberId;
        await Members.PromoteAsync(session.Cluster, id);
        await UseAsync(session, added, progress);
    }

    /// <summary>As etcdctl tells to do it: the new member is started with what "member add" prints.</summary>
    private static async Task<ClusterMember> AddAsync(ProcessCluster cluster, bool isLearner)
    {
        var place = ServerPlace.OnLoopback(string.Create(CultureInfo.InvariantCulture, $"m{cluster.Members.Max(static member => member.Number) + 1}"));
        string[] kind = isLearner ? ["--learner"] : [];
        string initialCluster = "";
        await Deadline.UntilAsync(AddedAsync, TimeSpan.FromSeconds(90));
        ClusterMember added = cluster.Join(place, initialCluster);
        await added.Server.StartAsync();
        return added;

        async Task<bool> AddedAsync()
        {
            CommandResult result = await EtcdCtl.TryAsync(cluster.Endpoints, ["member", "add", place.Name, $"--peer-urls={place.PeerUrl}", .. kind]);
            if (result.ExitCode != 0)
            {
                // An earlier try did it without telling.
                initialCluster = string.Join(',', cluster.Members.Select(static member => $"{member}={member.Server.PeerUrl}").Append($"{place.Name}={place.PeerUrl}"));
                return result.Error.Contains("Peer URLs already exists", StringComparison.Ordinal);
            }

            Assert.Contains($"ETCD_NAME=\"{place.Name}\"", result.Output, StringComparison.Ordinal);
            Assert.Contains("ETCD_INITIAL_CLUSTER_STATE=\"existing\"", result.Output, StringComparison.Ordinal);
            initialCluster = InitialCluster().Match(result.Output).Groups[1].Value;
            return true;
        }
    }

    private static async Task UseAsync(FaultSession session, ClusterMember added, LoadProgress progress)
    {
        await Deadline.UntilAsync(added.ServesAsync, TimeSpan.FromSeconds(60));
        session.Endpoints.Set(session.Cluster.Members.Select(static member => member.Server.ClientUrl));
        await progress.MoreWritesAsync(20);
    }

    private static async Task RemoveAsync(FaultSession session, ClusterMember member, LoadProgress progress)
    {
        ProcessCluster cluster = session.Cluster;
        string id = (await member.StatusAsync())!.Header.MemberId.ToString("x", CultureInfo.InvariantCulture);
        ClusterMember[] others = [.. cluster.Members.Where(other => other != member)];
        session.Endpoints.Set(others.Select(static other => other.Server.ClientUrl));
        string rest = string.Join(',', others.Select(static other => other.Server.Endpoint));
        await Deadline.UntilAsync(
            async () =>
            {
                CommandResult result = await EtcdCtl.TryAsync(rest, "member", "remove", id);
                // A removal that was done without an answer is not found the second time.
                return result.ExitCode == 0 || result.Error.Contains("not found", StringComparison.OrdinalIgnoreCase);
            },
            TimeSpan.FromSeconds(60));
        // Who is removed stops by itself.
        await Deadline.UntilAsync(() => Task.FromResult(!member.Server.IsRunning), TimeSpan.FromSeconds(60));
        await cluster.DropAsync(member);
        await progress.MoreWritesAsync(20);
    }

    private static async Task MoveLeaderAsync(ProcessCluster cluster, ClusterMember target)
    {
        if (await cluster.LeaderAsync() == target)
            return;
        string id = (await target.StatusAsync())!.Header.MemberId.ToString("x", CultureInfo.InvariantCulture);
        await Deadline.UntilAsync(MovedAsync, TimeSpan.FromSeconds(60));

        async Task<bool> MovedAsync()
        {
            ClusterMember leader = await cluster.LeaderAsync();
            return leader == target || (await EtcdCtl.TryAsync(leader.Server.Endpoint, "move-leader", id)).ExitCode == 0;
        }
    }

    private static async Task AssertSeenByOperatorsAsync(ProcessCluster cluster)
    {
        string first = cluster.Members[0].Server.Endpoint;
        string table = await EtcdCtl.UntilDoneAsync(first, "endpoint", "status", "--cluster", "-w", "table");
        Assert.All(cluster.Members, member => Assert.Contains(member.Server.Endpoint, table, StringComparison.Ordinal));
        CommandResult health = await EtcdCtl.TryAsync(first, "endpoint", "health", "--cluster");
        Assert.Equal(cluster.Members.Count, (health.Output + health.Error).Split('\n').Count(static line => line.Contains("is healthy", StringComparison.Ordinal)));
        string[] list = (await EtcdCtl.UntilDoneAsync(cluster.Endpoints, "member", "list")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(cluster.Members.Count, list.Length);
        Assert.All(list, static line => Assert.Contains(", started, ", line, StringComparison.Ordinal));
        Assert.All(list, static line => Assert.EndsWith("false", line, StringComparison.Ordinal));
    }

    [GeneratedRegex("^ETCD_INITIAL_CLUSTER=\"(.*)\"$", RegexOptions.Multiline)]
    private static partial Regex InitialCluster();
}
