using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Lets the clients take turns; who has ended a session begins another one of any kind.</summary>
internal sealed class SessionRunner
{
    /// <summary>Clients, each with a connection of its own to each server.</summary>
    public const int Clients = 6;

    private readonly World _world;
    private readonly LeaseIds _leases = new();
    private readonly Session?[] _sessions = new Session?[Clients];
    private readonly int[] _left = new int[Clients];

    /// <summary>Sessions between two fresh servers.</summary>
    public SessionRunner(World world)
    {
        _world = world;
        world.Moved = MovedAsync;
        world.Compacting = CompactingAsync;
    }

    /// <summary>Events that watchers have seen.</summary>
    public long Events { get; private set; }

    private IEnumerable<Session> Running => _sessions.OfType<Session>().ToList();

    /// <summary>Goes on until so many requests were compared, and ends all sessions.</summary>
    public async Task RunAsync(int requests)
    {
        while (_world.Requests < requests)
        {
            int client = _world.Random.Next(Clients);
            if (_left[client]-- > 0)
                await _sessions[client]!.StepAsync();
            else if (_sessions[client] is null or { IsHolding: true } || !Running.Any(static one => one.IsHolding))
                await NextAsync(client);
        }

        foreach (int client in Enumerable.Range(0, Clients).OrderBy(client => _sessions[client] is not AlarmSession))
            await EndAsync(client);
    }

    /// <summary>A lease that nobody keeps alive takes its keys along, and the lock that hangs on it.</summary>
    public async Task CompareExpiryAsync()
    {
        long lease = _leases.Take(1)[0];
        await _world.CallAsync(0, "LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = 1 });
        await _world.CallAsync(0, "Lock", new LockRequest { Name = ByteString.CopyFromUtf8("expiring"), Lease = lease });
        foreach (Side side in (Side[])[_world.Left, _world.Right])
        {
            await Deadline.UntilAsync(
                async () => (await side.Client(0).LeaseTimeToLiveAsync(new LeaseTimeToLiveRequest { ID = lease })).Answer.TTL < 0, TimeSpan.FromSeconds(60));
        }

        Assert.Empty(await _world.UnderAsync(0, "expiring/"));
        await _world.CallAsync(0, "LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = lease });
        await _world.CallAsync(0, "LeaseRevoke", new LeaseRevokeRequest { ID = lease });
    }

    /// <summary>Locks and elections with a lease that the server makes. Their keys have other names on each server, so this comes after the hashes.</summary>
    public async Task CompareChosenLeasesAsync()
    {
        for (var i = 0; i < 20; i++)
        {
            ByteString name = ByteString.CopyFromUtf8($"chosen{i}");
            Outcome locked = await _world.CallAsync(0, "Lock", new LockRequest { Name = name });
            await _world.CallAsync(0, "LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = _world.LastNamed, Keys = true });
            Assert.Single(await _world.UnderAsync(0, $"chosen{i}/"));
            await _world.CallAsync(0, "Unlock", new UnlockRequest { Key = ((LockResponse)locked.Answer!).Key });
            Outcome elected = await _world.CallAsync(0, "Campaign", new CampaignRequest { Name = name, Value = name });
            await _world.CallAsync(0, "Leader", new LeaderRequest { Name = name });
            await _world.CallAsync(0, "Resign", new ResignRequest { Leader = ((CampaignResponse)elected.Answer!).Leader });
        }
    }

    private async Task NextAsync(int client)
    {
        await EndAsync(client);
        if (Running.Any(static one => one.IsHolding))
            return;
        Session next = Make(client);
        _world.Remember($"client {client} begins a {next.GetType().Name}");
        await next.StartAsync();
        _sessions[client] = next;
        _left[client] = _world.Random.Next(20, 200);
    }

    private Session Make(int client) => _world.Random.Next(20) switch
    {
        < 8 => new KvSession(_world, client),
        < 10 => new LockSession(_world, client, _leases),
        < 12 => new ElectionSession(_world, client, _leases),
        12 => new LeaseSession(_world, client, _leases),
        // One at a time, see there.
        13 when !Running.Any(static one => one is AlarmSession) => new AlarmSession(_world, client),
        14 => new MaintenanceSession(_world, client),
        15 => new ClusterSession(_world, client),
        16 => new LimitSession(_world, client),
        17 => new MetadataSession(_world, client),
        _ => new GatewaySession(_world, client),
    };

    private async Task EndAsync(int client)
    {
        if (_sessions[client] is not { } session)
            return;
        _world.Remember($"client {client} ends its {session.GetType().Name}");
        await session.EndAsync();
        _sessions[client] = null;
        _left[client] = 0;
        if (session is KvSession kv)
            Events += kv.Events;
        session.Dispose();
    }

    private async Task MovedAsync()
    {
        foreach (Session session in Running)
            await session.MovedAsync();
    }

    private async Task<bool> CompactingAsync(long revision)
    {
        // One that is refused touches nobody.
        if (revision <= _world.Store.Compacted || revision > _world.Store.Revision)
            return true;
        if (_world.Alarmed || Running.Any(one => one.OldestRead <= revision))
            return false;
        foreach (Session session in Running)
            await session.CompactingAsync(revision);
        return true;
    }
}
