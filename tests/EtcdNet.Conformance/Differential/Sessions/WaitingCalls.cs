using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>
/// Lock and Campaign calls, which wait until no older key stands under their prefix. That is asked of both servers after every change, so it is known which
/// calls have to be answered now and which must not be.
/// </summary>
internal sealed class WaitingCalls(World world, int client)
{
    private readonly List<Waiting> _waiting = [];

    /// <summary>Calls that wait.</summary>
    public int Count => _waiting.Count;

    /// <summary>The oldest revision from which a waiting call may still have to read.</summary>
    public long OldestRead => _waiting.Select(static one => one.Since).DefaultIfEmpty(long.MaxValue).Min();

    /// <summary>The keys of locks and elections of a lease.</summary>
    public static string KeyOf(string name, long lease) => $"{name}/{lease.ToString("x", CultureInfo.InvariantCulture)}";

    /// <summary>Calls; gives the outcome, or null when the call waits or was not made.</summary>
    public async Task<Outcome?> StartAsync(string name, long lease, string? value)
    {
        string key = KeyOf(name, lease);
        List<KeyValue> line = await world.UnderAsync(client, name + "/");
        // Nothing would show how far the server has come with a call that changes nothing and waits.
        if (line.FindIndex(kv => Is(kv, key, value)) > 0)
            return null;
        ByteString nameBytes = ByteString.CopyFromUtf8(name);
        CallPair call = value is null
            ? world.Begin(client, "Lock", new LockRequest { Name = nameBytes, Lease = lease })
            : world.Begin(client, "Campaign", new CampaignRequest { Name = nameBytes, Lease = lease, Value = ByteString.CopyFromUtf8(value) });
        await UntilVisibleAsync(call, name, key, value);
        if (!call.IsDone)
        {
            line = await world.UnderAsync(client, name + "/");
            KeyValue own = line.Find(kv => Is(kv, key, value)) ?? throw new InvalidOperationException($"{key} was there and is not");
            if (line[0].CreateRevision < own.CreateRevision)
            {
                _waiting.Add(new Waiting(call, name, key, own.CreateRevision, world.Store.Revision));
                return null;
            }
        }

        Outcome outcome = await world.EndAsync(call);
        call.Dispose();
        return outcome;
    }

    /// <summary>Compares those that have got their turn. Gives the outcomes.</summary>
    public async Task<List<Outcome>> MovedAsync()
    {
        var outcomes = new List<Outcome>();
        foreach (IGrouping<string, Waiting> prefix in _waiting.GroupBy(static one => one.Name).ToList())
        {
            List<KeyValue> line = await world.UnderAsync(client, prefix.Key + "/");
            foreach (Waiting one in prefix)
            {
                one.IsLost |= !line.Exists(kv => kv.Key.ToStringUtf8() == one.Key && kv.CreateRevision == one.Created);
                bool isFirst = line.Count == 0 || line[0].CreateRevision >= one.Created;
                if (!isFirst)
                {
                    world.ThrowIfAnswered(one.Call, one.IsLost);
                    continue;
                }

                _waiting.Remove(one);
                outcomes.Add(await world.EndAsync(one.Call, one.IsLost));
                one.Call.Dispose();
            }
        }

        return outcomes;
    }

    /// <summary>The client of one of them leaves; its key goes. One whose key is gone already is not left: the servers could remove a later one.</summary>
    public async Task CancelOneAsync()
    {
        List<KeyValue>? line = null;
        Waiting? left = null;
        foreach (Waiting one in _waiting)
        {
            line = await world.UnderAsync(client, one.Name + "/");
            if (line.Exists(kv => kv.Key.ToStringUtf8() == one.Key && kv.CreateRevision == one.Created))
                left = one;
        }

        if (left is not null)
            await CancelAsync(left);
    }

    /// <summary>Ends them all. Their keys are not used any more.</summary>
    public async Task EndAsync()
    {
        while (_waiting.Count > 0)
        {
            int before = _waiting.Count;
            await CancelOneAsync();
            if (_waiting.Count < before)
                continue;
            world.Remember($"client {client} leaves {_waiting[0].Call.Rpc} {_waiting[0].Key}");
            await _waiting[0].Call.CancelAsync();
            _waiting.RemoveAt(0);
        }
    }

    private static bool Is(KeyValue kv, string key, string? value) => kv.Key.ToStringUtf8() == key && (value is null || kv.Value.ToStringUtf8() == value);

    private async Task CancelAsync(Waiting left)
    {
        // On etcd a place goes with the first call that leaves it, here with the last.
        foreach (Waiting one in _waiting.Where(one => one.Key == left.Key).ToList())
        {
            world.Remember($"client {client} leaves {one.Call.Rpc} {one.Key}");
            _waiting.Remove(one);
            await one.Call.CancelAsync();
            one.Call.Dispose();
        }

        await PollAsync(async side => !await HasAsync(side, left.Name, kv => kv.Key.ToStringUtf8() == left.Key), $"{left.Key} to go with its client");
        // The revision has moved; this tells the world.
        await world.UnderAsync(client, left.Name + "/");
    }

    private async Task UntilVisibleAsync(CallPair call, string name, string key, string? value)
    {
        // An error of one of them shows when both are compared.
        await PollAsync(async side => call.IsDone || await HasAsync(side, name, kv => Is(kv, key, value)), $"{key}, or an answer");
    }

    private async Task PollAsync(Func<Side, Task<bool>> condition, string awaited)
    {
        long end = Environment.TickCount64 + 60_000;
        while (!await condition(world.Left) || !await condition(world.Right))
            Assert.True(Environment.TickCount64 < end, $"waited a minute for {awaited}");
    }

    private async Task<bool> HasAsync(Side side, string name, Predicate<KeyValue> wanted)
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8(name + "/"), RangeEnd = ByteString.CopyFromUtf8(name + "0") };
        RangeResponse answer = (await side.Client(client).RangeAsync(request)).Answer;
        side.StandIns.Incoming(answer);
        return answer.Kvs.Any(kv => wanted(kv));
    }

    private sealed record Waiting(CallPair Call, string Name, string Key, long Created, long Since)
    {
        /// <summary>Its key is gone: it will not get what it waits for.</summary>
        public bool IsLost { get; set; }
    }
}
