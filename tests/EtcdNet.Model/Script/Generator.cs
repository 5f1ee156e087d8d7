using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Model.Script;

/// <summary>
/// Random scripts. Each has a temper of its own: how many keys, how large the values, how often it compacts, restarts and watches. The same seed gives the
/// same script.
/// </summary>
public sealed class Generator
{
    private const int WatchIds = 6;
    private readonly Random _random;
    private readonly RequestMaker _requests;
    private readonly int _restartsPerMille;
    private readonly bool _watches;

    /// <summary>A generator for one script.</summary>
    public Generator(int seed)
    {
        _random = new Random(seed);
        _requests = new RequestMaker(_random);
        _restartsPerMille = _random.Next(3);
        _watches = _random.Next(3) > 0;
    }

    /// <summary>A script of so many steps.</summary>
    public static List<Step> Script(int seed, int length)
    {
        var generator = new Generator(seed);
        var script = new List<Step>(length) { new(StepKind.Group, Number: generator._random.Next(1, 9)) };
        while (script.Count < length)
            script.Add(generator.Next());
        return script;
    }

    private Step Next() => _random.Next(1000) < _restartsPerMille
        ? Restart()
        : _random.Next(100) switch
        {
            < 30 => Write(new InternalRaftRequest { Put = _requests.Put() }),
            < 40 => Write(new InternalRaftRequest { DeleteRange = _requests.Delete() }),
            < 56 => Write(new InternalRaftRequest { Txn = _requests.Txn(readOnly: false) }),
            < 76 => new Step(StepKind.Read, _requests.Range()),
            < 80 => new Step(StepKind.ReadTxn, _requests.Txn(readOnly: true)),
            < 85 => Write(Lease()),
            < 86 => Write(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = Relative.Now(_random.Next(8) == 0 ? 1 : -_random.Next(40)) } }),
            < 90 => _watches ? Watcher() : new Step(StepKind.Read, _requests.Range()),
            < 95 => new Step(StepKind.Prune, Number: _random.Next(1, 12)),
            < 98 => new Step(StepKind.Collect, Number: _random.Next(1, 3000)),
            _ => Rare(),
        };

    private static Step Write(InternalRaftRequest request) => new(StepKind.Write, request);

    private Step Rare() => _random.Next(20) switch
    {
        < 2 => new Step(StepKind.Checkpoint, Number: _random.Next(2)),
        < 5 => new Step(StepKind.Compare, Number: Relative.Now(-_random.Next(60))),
        < 8 => new Step(StepKind.Group, Number: _random.Next(1, 9)),
        _ => new Step(StepKind.CheckWatchers),
    };

    private Step Restart() => _random.Next(3) switch
    {
        0 => new Step(StepKind.Restart),
        _ => new Step(StepKind.PowerCut, Number: _random.Next()),
    };

    private InternalRaftRequest Lease()
    {
        var request = new InternalRaftRequest();
        switch (_random.Next(8))
        {
            case < 4:
                request.LeaseGrant = new LeaseGrantRequest { ID = _requests.LeaseId(), TTL = _random.Next(40) == 0 ? 9_000_000_001 : _random.Next(-1, 200) };
                break;
            case < 7:
                request.LeaseRevoke = new LeaseRevokeRequest { ID = _requests.LeaseId() };
                break;
            default:
                request.LeaseCheckpoint = new LeaseCheckpointRequest();
                request.LeaseCheckpoint.Checkpoints.Add(new LeaseCheckpoint { ID = _requests.LeaseId(), RemainingTTL = _random.Next(100) });
                break;
        }
        return request;
    }

    private Step Watcher()
    {
        if (_random.Next(3) == 0)
            return new Step(StepKind.CancelWatch, Number: _random.Next(1, WatchIds + 1));
        var watch = new WatchCreateRequest
        {
            Key = _requests.Key(), RangeEnd = _requests.RangeEnd(), WatchId = _random.Next(1, WatchIds + 1),
            PrevKv = _random.Next(2) == 0, Fragment = _random.Next(3) == 0,
        };
        watch.StartRevision = _random.Next(4) switch
        {
            0 => 0,
            1 => Relative.Now(_random.Next(1, 10)),
            _ => Relative.Now(-_random.Next(60)),
        };
        if (_random.Next(4) == 0)
            watch.Filters.Add((WatchCreateRequest.Types.FilterType)_random.Next(2));
        return new Step(StepKind.Watch, watch);
    }
}
