using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Leases: ids that the server chooses, times at the limits, keys attached, moved and detached.</summary>
internal sealed class LeaseSession(World world, int client, LeaseIds leases) : Session(world, client)
{
    private readonly List<long> _leases = [.. leases.Take(3)];

    /// <inheritdoc/>
    public override async Task StepAsync()
    {
        long lease = OneOf([.. _leases, 0, -1, long.MinValue, long.MaxValue]);
        switch (Random.Next(16))
        {
            case < 3:
                await CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease == 0 ? -77 : lease, TTL = OneOf(3000, 9_000_000_000, 9_000_000_001, long.MaxValue, 90_000) });
                break;
            case 3:
                await ShortLivedAsync();
                break;
            case 4:
                await ChosenAsync();
                break;
            case < 8:
                await CallAsync("Put", new PutRequest { Key = Bytes(OneOf("a", "b", "lease", "leased")), Lease = lease, PrevKv = true });
                break;
            case < 11:
                await CallAsync("LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = lease, Keys = Random.Next(4) > 0 });
                break;
            case 11:
                await CallAsync("LeaseLeases", new LeaseLeasesRequest());
                break;
            case 12:
                await CallAsync("Put", new PutRequest { Key = Bytes(OneOf("lease", "leased")), IgnoreLease = true, Value = Bytes("x") });
                break;
            default:
                await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
                break;
        }
    }

    /// <inheritdoc/>
    public override async Task EndAsync()
    {
        foreach (long lease in (IEnumerable<long>)[.. _leases, -77, -1, long.MinValue, long.MaxValue])
            await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
    }

    // It would end by itself after two seconds, on two clocks.
    private async Task ShortLivedAsync()
    {
        long lease = _leases[0];
        await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
        Outcome granted = await CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = OneOf(0, -1, 1, long.MinValue) });
        if (granted.Answer is not null)
            await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
    }

    // Keys are not put under it: their hashes would differ.
    private async Task ChosenAsync()
    {
        Outcome granted = await CallAsync("LeaseGrant", new LeaseGrantRequest { TTL = 5000 });
        if (granted.Answer is not LeaseGrantResponse { ID: var id })
            return;
        await CallAsync("LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = id, Keys = true });
        await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = id });
        await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = id });
    }
}
