using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3lockpb;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Locks with leases: holders, waiting lines, leases that are lost, clients that leave, keys of others under the same name.</summary>
internal sealed class LockSession(World world, int client, LeaseIds leases) : Session(world, client)
{
    private readonly WaitingCalls _calls = new(world, client);
    private readonly long[] _leases = leases.Take(3);

    /// <inheritdoc/>
    public override long OldestRead => _calls.OldestRead;

    /// <inheritdoc/>
    public override async Task StartAsync()
    {
        foreach (long lease in _leases)
            await CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = 90_000 });
    }

    /// <inheritdoc/>
    public override async Task StepAsync()
    {
        string name = OneOf("a", "b", "m", "");
        long lease = Random.Next(30) == 0 ? 4711 : OneOf(_leases);
        switch (Random.Next(20))
        {
            case < 8:
                await _calls.StartAsync(name, lease, value: null);
                break;
            case < 14:
                await UnlockAsync(name, lease);
                break;
            case 14:
                await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
                await CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = 90_000 });
                break;
            case 15:
                await CallAsync("Put", new PutRequest { Key = Bytes(name + "/zzz") });
                break;
            case 16:
                await CallAsync("DeleteRange", new DeleteRangeRequest { Key = Bytes(name + "/"), RangeEnd = Bytes(name + "0") });
                break;
            case 17:
                await CallAsync("Unlock", new UnlockRequest { Key = Bytes(OneOf("", "never", name + "/zzz")) });
                break;
            // Under an alarm the key of who leaves may stay.
            case var _ when !World.Alarmed:
                await _calls.CancelOneAsync();
                break;
        }
    }

    /// <inheritdoc/>
    public override Task MovedAsync() => _calls.MovedAsync();

    /// <inheritdoc/>
    public override async Task EndAsync()
    {
        await _calls.EndAsync();
        foreach (long lease in _leases)
            await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
        foreach (string name in new[] { "a", "b", "m", "" })
            await CallAsync("Unlock", new UnlockRequest { Key = Bytes(name + "/zzz") });
    }

    private Task<Outcome> UnlockAsync(string name, long lease) => CallAsync("Unlock", new UnlockRequest { Key = Bytes(WaitingCalls.KeyOf(name, lease)) });
}
