using EtcdNet.Server.Elections;
using EtcdNet.Server.Locking;

namespace EtcdNet.Server.Services;

/// <summary>The API of one member.</summary>
/// <param name="Kv">etcdserverpb.KV.</param>
/// <param name="Watch">etcdserverpb.Watch.</param>
/// <param name="Lease">etcdserverpb.Lease.</param>
/// <param name="Cluster">etcdserverpb.Cluster.</param>
/// <param name="Maintenance">etcdserverpb.Maintenance.</param>
/// <param name="Auth">etcdserverpb.Auth.</param>
/// <param name="Lock">v3lockpb.Lock.</param>
/// <param name="Election">v3electionpb.Election.</param>
/// <param name="Health">grpc.health.v1.Health.</param>
public sealed record MemberServices(
    KvService Kv, WatchService Watch, LeaseService Lease, ClusterService Cluster, MaintenanceService Maintenance, AuthService Auth,
    LockService Lock, ElectionService Election, HealthService Health);
