using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Keys, transactions, leases, compactions, hashes, and a stream of watchers on all of it.</summary>
internal sealed class KvSession(World world, int client) : Session(world, client)
{
    private readonly RequestGenerator _generator = new(world.Random, world.Store);
    private readonly WatchPair _watches = new(world.Left.Client(client), world.Right.Client(client));
    private readonly GrpcStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse> _leftAlive = world.Left.Client(client).KeepAlive();
    private readonly GrpcStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse> _rightAlive = world.Right.Client(client).KeepAlive();

    /// <summary>Events that were compared, over all sessions of a test.</summary>
    public long Events => _watches.Events;

    /// <summary>Messages that came in parts.</summary>
    public int Fragments => _watches.Fragments;

    /// <inheritdoc/>
    public override async Task StartAsync()
    {
        // An event that the watcher of everything sees for sure.
        await CallAsync("Put", new PutRequest { Key = Bytes("later") });
        await _watches.StartAsync(World.Store.Compacted);
    }

    /// <inheritdoc/>
    public override async Task StepAsync()
    {
        var (rpc, request) = _generator.Next();
        switch (request)
        {
            case WatchRequest watch:
                World.Remember($"client {Client} Watch {World.Shown(watch)}");
                await _watches.SendAsync(watch, World.Store.Revision, World.Store.Compacted);
                World.Count($"Watch {watch.RequestUnionCase}");
                break;
            case LeaseKeepAliveRequest alive:
                await KeepAliveAsync([alive, .. Enumerable.Range(0, Random.Next(3)).Select(_ => new LeaseKeepAliveRequest { ID = Random.Next(1, 9) })]);
                break;
            default:
                await CallAsync(rpc, request);
                break;
        }
    }

    /// <inheritdoc/>
    public override async Task CompactingAsync(long revision)
    {
        // A watcher that still reads the past may be cancelled by a compaction or not. And one that waits for a later start keeps progress from being told.
        while (World.Store.Revision < _watches.HighestStart)
            await CallAsync("Put", new PutRequest { Key = Bytes("later") });
        await _watches.SettleAsync(World.Store.Revision);
        _watches.Compact(revision);
    }

    /// <inheritdoc/>
    public override Task EndAsync() => _watches.EndAsync(World.Store.Revision);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _watches.Dispose();
        _leftAlive.Dispose();
        _rightAlive.Dispose();
        base.Dispose();
    }

    /// <summary>A history that is too large for one message, to watchers that want it in parts and to one that does not.</summary>
    public async Task CompareFragmentsAsync()
    {
        long start = World.Store.Revision + 1;
        for (var i = 0; i < 4; i++)
        {
            var txn = new TxnRequest();
            txn.Success.Add(Enumerable.Range(0, 14).Select(static key => new RequestOp
            {
                RequestPut = new PutRequest { Key = Bytes($"large{key}"), Value = Bytes(new string('v', 100_000)) },
            }));
            await CallAsync("Txn", txn);
        }

        Assert.Equal(start + 3, World.Store.Revision);
        for (var id = 101; id <= 103; id++)
        {
            var create = new WatchCreateRequest { Key = Bytes("l"), RangeEnd = Bytes("m"), WatchId = id, Fragment = id != 102, PrevKv = id != 101, StartRevision = start };
            await _watches.SendAsync(new WatchRequest { CreateRequest = create }, World.Store.Revision, World.Store.Compacted);
        }

        await _watches.CheckAsync(World.Store.Revision);
        Assert.True(_watches.Fragments > 0, "nothing was sent in parts");
    }

    // Several leases in one stream are answered in their order.
    private async Task KeepAliveAsync(List<LeaseKeepAliveRequest> requests)
    {
        foreach (LeaseKeepAliveRequest request in requests)
        {
            World.Remember($"client {Client} LeaseKeepAlive {World.Shown(request)}");
            _leftAlive.Send(request);
            _rightAlive.Send(request);
        }

        foreach (LeaseKeepAliveRequest _ in requests)
        {
            var (expected, answered) = (await _leftAlive.NextAsync(TimeSpan.FromSeconds(60)), await _rightAlive.NextAsync(TimeSpan.FromSeconds(60)));
            Normal.Clear(expected.Header);
            Normal.Clear(answered.Header);
            Assert.True(expected.Equals(answered), $"LeaseKeepAlive\n  etcd:   {ReadableJson.Format(expected)}\n  tested: {ReadableJson.Format(answered)}");
            World.Count($"LeaseKeepAlive {(expected.TTL > 0 ? "OK" : "gone")}");
        }
    }
}
