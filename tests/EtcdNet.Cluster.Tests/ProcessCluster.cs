using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests;

/// <summary>
/// Several members in processes of their own: on free ports of 127.0.0.1, or each in a network namespace and on a disk of its own,
/// so that networks and disks can be broken. Not thread-safe.
/// </summary>
internal sealed class ProcessCluster : IAsyncDisposable
{
    private const int DiskMebibytes = 1024;
    private static readonly TimeSpan _healthLimit = TimeSpan.FromSeconds(90);
    private readonly List<ClusterMember> _members = [];
    private readonly string[] _arguments;
    private readonly ServerTarget _target = ServerTarget.UnderTest;

    private ProcessCluster(string[] arguments) => _arguments = arguments;

    /// <summary>The members, in the order in which they came.</summary>
    public IReadOnlyList<ClusterMember> Members => _members;

    /// <summary>The network, when the cluster has one of its own.</summary>
    public NamespaceNetwork Network => NetworkOrNone ?? throw new InvalidOperationException("this cluster runs on 127.0.0.1");

    /// <summary>host:port of every member, separated by commas.</summary>
    public string Endpoints => string.Join(',', _members.Select(static member => member.Server.Endpoint));

    private NamespaceNetwork? NetworkOrNone { get; set; }

    /// <summary>Members on 127.0.0.1, started and healthy.</summary>
    public static async Task<ProcessCluster> OnLoopbackAsync(int count, params string[] arguments)
    {
        var cluster = new ProcessCluster(arguments);
        await cluster.FoundAsync([.. Enumerable.Range(0, count).Select(static number => ServerPlace.OnLoopback($"m{number}"))], static _ => Task.FromResult<LoopDisk?>(null));
        return cluster;
    }

    /// <summary>Members in namespaces and on disks of their own, started and healthy.</summary>
    public static async Task<ProcessCluster> IsolatedAsync(int count, Func<int, IReadOnlyDictionary<string, string>> environment, params string[] arguments)
    {
        var network = await NamespaceNetwork.CreateAsync(count);
        var cluster = new ProcessCluster(arguments) { NetworkOrNone = network };
        await cluster.FoundAsync(
            [.. Enumerable.Range(0, count).Select(number => network.PlaceOf(number, $"m{number}") with { Environment = environment(number) })],
            static async _ => await LoopDisk.CreateAsync(DiskMebibytes));
        return cluster;
    }

    /// <summary>Makes a member that is to join; it is not started.</summary>
    /// <param name="initialCluster">As MemberAdd's answer says it.</param>
    public ClusterMember Join(ServerPlace place, string initialCluster)
    {
        var server = ServerProcess.Create(_target, place with { InitialCluster = initialCluster }, null, [.. _arguments, "--initial-cluster-state", "existing"]);
        var member = new ClusterMember(_members.Count == 0 ? 0 : _members.Max(static known => known.Number) + 1, server, null);
        _members.Add(member);
        return member;
    }

    /// <summary>A member that has lost its data comes again under the same name at the same place; it is not started.</summary>
    public async Task RejoinAsync(ClusterMember member)
    {
        ServerProcess old = member.Server;
        if (Directory.Exists(old.DataDirectory))
            Directory.Delete(old.DataDirectory, recursive: true);
        var place = NetworkOrNone is { } network ? network.PlaceOf(member.Number, old.Name) : new ServerPlace(old.Name, old.Endpoint, old.PeerUrl);
        string all = string.Join(',', _members.Select(static known => $"{known.Server.Name}={known.Server.PeerUrl}"));
        await old.DisposeAsync();
        member.Server = ServerProcess.Create(
            _target, place with { InitialCluster = all, Environment = old.Environment }, old.DataDirectory, [.. _arguments, "--initial-cluster-state", "existing"]);
    }

    /// <summary>A member that was removed for good: its process ends.</summary>
    public async Task DropAsync(ClusterMember member)
    {
        _members.Remove(member);
        await member.DisposeAsync();
    }

    /// <summary>The member that leads, when a majority agrees on it.</summary>
    public async Task<ClusterMember?> FindLeaderAsync()
    {
        var statuses = await Task.WhenAll(_members.Select(static async member => (Member: member, Status: await member.StatusAsync())));
        var agreed = statuses.Where(static entry => entry.Status is { Leader: not 0 }).GroupBy(static entry => (entry.Status!.RaftTerm, entry.Status.Leader))
            .FirstOrDefault(group => group.Count() > _members.Count / 2);
        return agreed?.FirstOrDefault(static entry => entry.Status!.Header.MemberId == entry.Status.Leader).Member;
    }

    /// <summary>The leader, as soon as there is one.</summary>
    public async Task<ClusterMember> LeaderAsync()
    {
        ClusterMember? leader = null;
        await Deadline.UntilAsync(async () => (leader = await FindLeaderAsync()) is not null, _healthLimit);
        return leader!;
    }

    /// <summary>A member that does not lead.</summary>
    public async Task<ClusterMember> FollowerAsync(Random random)
    {
        ClusterMember leader = await LeaderAsync();
        ClusterMember[] others = [.. _members.Where(member => member != leader)];
        return others[random.Next(others.Length)];
    }

    /// <summary>Waits until every member serves linearizable reads, all agree on the leader, and all have applied what was committed at the beginning.</summary>
    public async Task HealthyAsync()
    {
        string seen = "";
        try
        {
            await Deadline.UntilAsync(IsHealthyAsync, _healthLimit);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"the cluster did not become healthy: {seen}");
        }

        async Task<bool> IsHealthyAsync()
        {
            var served = await Task.WhenAll(_members.Select(static member => member.ServesAsync()));
            var statuses = await Task.WhenAll(_members.Select(static member => member.StatusAsync()));
            seen = string.Join("; ", _members.Select((member, i) => $"{member} running {member.Server.IsRunning} serves {served[i]} {statuses[i]}"));
            return served.All(static ok => ok) && statuses.All(static status => status is { Leader: not 0 })
                && statuses.Select(static status => status!.Leader).Distinct().Count() == 1;
        }
    }

    /// <summary>A call to whichever member answers it with OK, tried until one does.</summary>
    public async Task<T> AskAnyAsync<T>(Func<EtcdClient, Task<GrpcReply<T>>> call)
        where T : class
    {
        T? answer = null;
        string last = "";
        int turn = 0;
        try
        {
            await Deadline.UntilAsync(TryAsync, _healthLimit);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"no member answered: {last}");
        }

        return answer!;

        async Task<bool> TryAsync()
        {
            ClusterMember member = _members[turn++ % _members.Count];
            if (!member.Server.IsRunning)
                return false;
            using var client = new EtcdClient(member.Server.ClientUrl);
            try
            {
                var reply = await call(client).WaitAsync(TimeSpan.FromSeconds(10));
                last = $"{member}: {reply.Status} {reply.Message}";
                answer = reply.Status == GrpcStatus.OK ? reply.Value : null;
            }
            catch (Exception error) when (CallFailure.IsBroken(error))
            {
                last = $"{member}: {error.Message}";
            }

            return answer is not null;
        }
    }

    /// <summary>Keeps the logs of all members for whoever looks into a failure; gives the folder.</summary>
    public string KeepLogs(string name)
    {
        string folder = Path.Combine(ServerTarget.Artifacts(), "cluster-logs", name);
        Directory.CreateDirectory(folder);
        foreach (ClusterMember member in _members)
            File.WriteAllText(Path.Combine(folder, $"{member}.log"), member.Server.Log);
        return folder;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        // All processes first: each has its own view of what is mounted, with the disks of the others in it.
        foreach (ClusterMember member in _members)
            await member.StopAsync();
        foreach (ClusterMember member in _members)
            await member.DisposeAsync();
        if (NetworkOrNone is not null)
            await NetworkOrNone.DisposeAsync();
    }

    private async Task FoundAsync(ServerPlace[] places, Func<int, Task<LoopDisk?>> disks)
    {
        string all = string.Join(',', places.Select(static place => $"{place.Name}={place.PeerUrl}"));
        try
        {
            for (int number = 0; number < places.Length; number++)
            {
                LoopDisk? disk = await disks(number);
                var server = ServerProcess.Create(_target, places[number] with { InitialCluster = all }, disk?.DataDirectory, _arguments);
                _members.Add(new ClusterMember(number, server, disk));
                server.Launch();
            }

            foreach (ClusterMember member in _members)
                await member.Server.WaitUntilReadyAsync();
            await HealthyAsync();
        }
        catch
        {
            KeepLogs("start");
            await DisposeAsync();
            throw;
        }
    }
}
