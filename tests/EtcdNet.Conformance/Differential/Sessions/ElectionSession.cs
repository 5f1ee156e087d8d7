using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Elections: candidates in line, values proclaimed by leaders, by those who were and by strangers, resignations, observers.</summary>
internal sealed class ElectionSession(World world, int client, LeaseIds leases) : Session(world, client)
{
    private const int ObserversMax = 3;
    private static readonly string[] _names = ["e", "f", "c", ""];
    private readonly WaitingCalls _calls = new(world, client);
    private readonly List<Observer> _observers = [];
    private readonly List<LeaderKey> _keys = [];
    private readonly long[] _leases = leases.Take(3);

    /// <inheritdoc/>
    public override long OldestRead => Math.Min(_calls.OldestRead, _observers.Select(static one => one.Since).DefaultIfEmpty(long.MaxValue).Min());

    /// <inheritdoc/>
    public override async Task StartAsync()
    {
        foreach (long lease in _leases)
            await CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = 90_000 });
    }

    /// <inheritdoc/>
    public override async Task StepAsync()
    {
        string name = OneOf(_names);
        long lease = Random.Next(30) == 0 ? 4711 : OneOf(_leases);
        switch (Random.Next(24))
        {
            case < 7:
                Keep(await _calls.StartAsync(name, lease, $"v{Random.Next(4)}"));
                break;
            case < 11:
                await CallAsync("Proclaim", new ProclaimRequest { Leader = Key(), Value = Bytes($"p{Random.Next(4)}") });
                break;
            case < 15:
                await CallAsync("Resign", new ResignRequest { Leader = Key() });
                break;
            case < 18:
                await CallAsync("Leader", new LeaderRequest { Name = Bytes(name) });
                break;
            case 18:
                await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
                await CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = 90_000 });
                break;
            case < 22:
                await ObserveAsync(name);
                break;
            // Under an alarm the key of who leaves may stay.
            case var _ when !World.Alarmed:
                await _calls.CancelOneAsync();
                break;
        }
    }

    /// <inheritdoc/>
    public override async Task MovedAsync()
    {
        foreach (Observer observer in _observers)
            await observer.MovedAsync();
        (await _calls.MovedAsync()).ForEach(Keep);
    }

    /// <inheritdoc/>
    public override async Task EndAsync()
    {
        foreach (Observer observer in _observers)
            observer.Dispose();
        _observers.Clear();
        await _calls.EndAsync();
        foreach (long lease in _leases)
            await CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease });
    }

    // Mostly a key that was given once; nobody says that it still stands.
    private LeaderKey? Key()
    {
        if (Random.Next(20) == 0)
            return null;
        if (_keys.Count == 0 || Random.Next(12) == 0)
            return new LeaderKey { Name = Bytes("e"), Key = Bytes(OneOf("", "e/1", "e/never")), Rev = Random.Next(3), Lease = OneOf(1, _leases[0]) };
        LeaderKey key = _keys[Random.Next(Math.Max(0, _keys.Count - 6), _keys.Count)].Clone();
        if (Random.Next(10) == 0)
            key.Rev += OneOf(-1, 1);
        if (Random.Next(10) == 0)
            key.Lease = OneOf(_leases);
        return key;
    }

    private void Keep(Outcome? outcome)
    {
        if (outcome?.Answer is CampaignResponse campaign)
            _keys.Add(campaign.Leader);
    }

    private async Task ObserveAsync(string name)
    {
        if (_observers.Count == ObserversMax)
        {
            _observers[0].Dispose();
            _observers.RemoveAt(0);
        }

        var observer = new Observer(World, Client, name);
        _observers.Add(observer);
        await observer.MovedAsync();
    }
}
