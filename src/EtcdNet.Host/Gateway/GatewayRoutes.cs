using System.Collections.Frozen;
using EtcdNet.Grpc;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// The paths of the JSON gateway. They are etcd's (annotations of its proto files) and follow no rule, hence a list; which of
/// them are served is decided by the methods of <see cref="Rpc.RpcTable"/>.
/// </summary>
internal static class GatewayRoutes
{
    private static readonly (string Method, string[] Paths)[] Known =
    [
        ("/etcdserverpb.KV/Range", ["/v3/kv/range"]),
        ("/etcdserverpb.KV/Put", ["/v3/kv/put"]),
        ("/etcdserverpb.KV/DeleteRange", ["/v3/kv/deleterange"]),
        ("/etcdserverpb.KV/Txn", ["/v3/kv/txn"]),
        ("/etcdserverpb.KV/Compact", ["/v3/kv/compaction"]),
        ("/etcdserverpb.Watch/Watch", ["/v3/watch"]),
        ("/etcdserverpb.Lease/LeaseGrant", ["/v3/lease/grant"]),
        ("/etcdserverpb.Lease/LeaseRevoke", ["/v3/lease/revoke", "/v3/kv/lease/revoke"]),
        ("/etcdserverpb.Lease/LeaseKeepAlive", ["/v3/lease/keepalive"]),
        ("/etcdserverpb.Lease/LeaseTimeToLive", ["/v3/lease/timetolive", "/v3/kv/lease/timetolive"]),
        ("/etcdserverpb.Lease/LeaseLeases", ["/v3/lease/leases", "/v3/kv/lease/leases"]),
        ("/etcdserverpb.Cluster/MemberAdd", ["/v3/cluster/member/add"]),
        ("/etcdserverpb.Cluster/MemberRemove", ["/v3/cluster/member/remove"]),
        ("/etcdserverpb.Cluster/MemberUpdate", ["/v3/cluster/member/update"]),
        ("/etcdserverpb.Cluster/MemberList", ["/v3/cluster/member/list"]),
        ("/etcdserverpb.Cluster/MemberPromote", ["/v3/cluster/member/promote"]),
        ("/etcdserverpb.Maintenance/Alarm", ["/v3/maintenance/alarm"]),
        ("/etcdserverpb.Maintenance/Status", ["/v3/maintenance/status"]),
        ("/etcdserverpb.Maintenance/Defragment", ["/v3/maintenance/defragment"]),
        ("/etcdserverpb.Maintenance/Hash", ["/v3/maintenance/hash"]),
        ("/etcdserverpb.Maintenance/HashKV", ["/v3/maintenance/hashkv"]),
        ("/etcdserverpb.Maintenance/Snapshot", ["/v3/maintenance/snapshot"]),
        ("/etcdserverpb.Maintenance/MoveLeader", ["/v3/maintenance/transfer-leadership"]),
        ("/etcdserverpb.Maintenance/Downgrade", ["/v3/maintenance/downgrade"]),
        ("/etcdserverpb.Auth/AuthEnable", ["/v3/auth/enable"]),
        ("/etcdserverpb.Auth/AuthDisable", ["/v3/auth/disable"]),
        ("/etcdserverpb.Auth/AuthStatus", ["/v3/auth/status"]),
        ("/etcdserverpb.Auth/Authenticate", ["/v3/auth/authenticate"]),
        ("/etcdserverpb.Auth/UserAdd", ["/v3/auth/user/add"]),
        ("/etcdserverpb.Auth/UserGet", ["/v3/auth/user/get"]),
        ("/etcdserverpb.Auth/UserList", ["/v3/auth/user/list"]),
        ("/etcdserverpb.Auth/UserDelete", ["/v3/auth/user/delete"]),
        ("/etcdserverpb.Auth/UserChangePassword", ["/v3/auth/user/changepw"]),
        ("/etcdserverpb.Auth/UserGrantRole", ["/v3/auth/user/grant"]),
        ("/etcdserverpb.Auth/UserRevokeRole", ["/v3/auth/user/revoke"]),
        ("/etcdserverpb.Auth/RoleAdd", ["/v3/auth/role/add"]),
        ("/etcdserverpb.Auth/RoleGet", ["/v3/auth/role/get"]),
        ("/etcdserverpb.Auth/RoleList", ["/v3/auth/role/list"]),
        ("/etcdserverpb.Auth/RoleDelete", ["/v3/auth/role/delete"]),
        ("/etcdserverpb.Auth/RoleGrantPermission", ["/v3/auth/role/grant"]),
        ("/etcdserverpb.Auth/RoleRevokePermission", ["/v3/auth/role/revoke"]),
        ("/v3lockpb.Lock/Lock", ["/v3/lock/lock"]),
        ("/v3lockpb.Lock/Unlock", ["/v3/lock/unlock"]),
        ("/v3electionpb.Election/Campaign", ["/v3/election/campaign"]),
        ("/v3electionpb.Election/Proclaim", ["/v3/election/proclaim"]),
        ("/v3electionpb.Election/Leader", ["/v3/election/leader"]),
        ("/v3electionpb.Election/Observe", ["/v3/election/observe"]),
        ("/v3electionpb.Election/Resign", ["/v3/election/resign"]),
    ];

    /// <summary>Methods that etcd's gateway does not know either: partial answers of a range, and the health service.</summary>
    public static readonly FrozenSet<string> WithoutPath = FrozenSet.Create(
        "/etcdserverpb.KV/RangeStream", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch");

    /// <summary>Path → method, for the methods that there are.</summary>
    /// <exception cref="ArgumentException">A method has neither a path nor a reason to have none.</exception>
    public static FrozenDictionary<string, GrpcMethod> For(IEnumerable<GrpcMethod> methods)
    {
        Dictionary<string, string[]> known = Known.ToDictionary(row => row.Method, row => row.Paths, StringComparer.Ordinal);
        var routes = new Dictionary<string, GrpcMethod>(StringComparer.Ordinal);
        foreach (GrpcMethod method in methods)
        {
            if (WithoutPath.Contains(method.Path))
                continue;
            if (!known.TryGetValue(method.Path, out string[]? paths))
                throw new ArgumentException($"{method.Path} has no path in the gateway", nameof(methods));
            foreach (string path in paths)
                routes.Add(path, method);
        }
        return routes.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
