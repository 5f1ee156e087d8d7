using EtcdNet.Protocol.Etcdserverpb;
using Action = EtcdNet.Protocol.Etcdserverpb.DowngradeRequest.Types.DowngradeAction;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>What an administrator asks: status, hashes, defragmentation, leadership, downgrades that are refused.</summary>
internal sealed class MaintenanceSession(World world, int client) : Session(world, client)
{
    /// <inheritdoc/>
    public override Task StepAsync() => Random.Next(20) switch
    {
        < 5 => CallAsync("Status", new StatusRequest()),
        5 => CallAsync("Defragment", new DefragmentRequest()),
        6 => CallAsync("Hash", new HashRequest()),
        < 12 => CallAsync("HashKV", new HashKVRequest { Revision = HashedRevision() }),
        < 15 => CallAsync("MoveLeader", new MoveLeaderRequest { TargetID = OneOf<ulong>(0, 1, ulong.MaxValue, Side.OwnMember) }),
        _ => CallAsync("Downgrade", Downgrade()),
    };

    private long HashedRevision() => Random.Next(6) switch
    {
        0 => 0,
        1 => OneOf(-1, long.MinValue),
        2 => World.Store.Revision + Random.Next(1, 3),
        3 => World.Store.Compacted + Random.Next(-1, 2),
        _ => Random.NextInt64(World.Store.Compacted, World.Store.Revision + 1),
    };

    // One that is allowed would change what the cluster is.
    private DowngradeRequest Downgrade()
    {
        Action action = OneOf(Action.Validate, Action.Enable, Action.Cancel);
        string refused = OneOf("", "x", "3", "3.", "v3.5.0", "3.3.0", "4.0.0", "99.1.2", "3.1.0", "-1.2", "3.7.0-alpha", "3.9.0");
        return new DowngradeRequest { Action = action, Version = refused };
    }
}
