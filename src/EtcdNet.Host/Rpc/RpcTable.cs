using EtcdNet.Grpc;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Health;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Server.Services;
using Google.Protobuf;

namespace EtcdNet.Host.Rpc;

/// <summary>
/// The one list of the RPCs that are served. The gRPC endpoints and the <c>grpc_server_*</c> series are made from it;
/// what is not in it is answered with Unimplemented.
/// </summary>
internal sealed class RpcTable(CallGate gate)
{
    /// <summary>The rows for the services of one member.</summary>
    public IReadOnlyList<GrpcMethod> Build(MemberServices services) =>
    [
        GrpcMethod.LargeUnary<RangeRequest, RangeResponse>("/etcdserverpb.KV/Range", RangeRequest.Parser, (request, call) => RangeAsync(services.Kv, request, call)),
        ServerStreaming("/etcdserverpb.KV/RangeStream", RangeRequest.Parser, (RangeRequest request, IResponseStream<RangeStreamResponse> responses, CallContext call) =>
            services.Kv.RangeStreamAsync(request, responses, call)),
        Unary("/etcdserverpb.KV/Put", PutRequest.Parser, services.Kv.PutAsync, LargePut.TryRead),
        Unary("/etcdserverpb.KV/DeleteRange", DeleteRangeRequest.Parser, services.Kv.DeleteRangeAsync),
        Unary("/etcdserverpb.KV/Txn", TxnRequest.Parser, services.Kv.TxnAsync),
        Unary("/etcdserverpb.KV/Compact", CompactionRequest.Parser, services.Kv.CompactAsync),
        Duplex("/etcdserverpb.Watch/Watch", WatchRequest.Parser, (IRequestStream<WatchRequest> requests, IResponseStream<WatchResponse> responses, CallContext call) =>
            services.Watch.WatchAsync(requests, responses, call)),
        Unary("/etcdserverpb.Lease/LeaseGrant", LeaseGrantRequest.Parser, services.Lease.LeaseGrantAsync),
        Unary("/etcdserverpb.Lease/LeaseRevoke", LeaseRevokeRequest.Parser, services.Lease.LeaseRevokeAsync),
        Duplex("/etcdserverpb.Lease/LeaseKeepAlive", LeaseKeepAliveRequest.Parser, (IRequestStream<LeaseKeepAliveRequest> requests, IResponseStream<LeaseKeepAliveResponse> responses, CallContext call) =>
            services.Lease.LeaseKeepAliveAsync(requests, responses, call)),
        Unary("/etcdserverpb.Lease/LeaseTimeToLive", LeaseTimeToLiveRequest.Parser, services.Lease.LeaseTimeToLiveAsync),
        Unary("/etcdserverpb.Lease/LeaseLeases", LeaseLeasesRequest.Parser, services.Lease.LeaseLeasesAsync),
        Unary("/etcdserverpb.Cluster/MemberAdd", MemberAddRequest.Parser, services.Cluster.MemberAddAsync),
        Unary("/etcdserverpb.Cluster/MemberRemove", MemberRemoveRequest.Parser, services.Cluster.MemberRemoveAsync),
        Unary("/etcdserverpb.Cluster/MemberUpdate", MemberUpdateRequest.Parser, services.Cluster.MemberUpdateAsync),
        Unary("/etcdserverpb.Cluster/MemberPromote", MemberPromoteRequest.Parser, services.Cluster.MemberPromoteAsync),
        Unary("/etcdserverpb.Cluster/MemberList", MemberListRequest.Parser, services.Cluster.MemberListAsync),
        Unary("/etcdserverpb.Maintenance/Alarm", AlarmRequest.Parser, services.Maintenance.AlarmAsync),
        Unary("/etcdserverpb.Maintenance/Status", StatusRequest.Parser, services.Maintenance.StatusAsync),
        Unary("/etcdserverpb.Maintenance/Defragment", DefragmentRequest.Parser, services.Maintenance.DefragmentAsync),
        Unary("/etcdserverpb.Maintenance/Hash", HashRequest.Parser, services.Maintenance.HashAsync),
        Unary("/etcdserverpb.Maintenance/HashKV", HashKVRequest.Parser, services.Maintenance.HashKvAsync),
        ServerStreaming("/etcdserverpb.Maintenance/Snapshot", SnapshotRequest.Parser, (SnapshotRequest request, IResponseStream<SnapshotResponse> responses, CallContext call) =>
            services.Maintenance.SnapshotAsync(request, responses, call)),
        Unary("/etcdserverpb.Maintenance/MoveLeader", MoveLeaderRequest.Parser, services.Maintenance.MoveLeaderAsync),
        Unary("/etcdserverpb.Maintenance/Downgrade", DowngradeRequest.Parser, services.Maintenance.DowngradeAsync),
        Unary("/etcdserverpb.Auth/AuthEnable", AuthEnableRequest.Parser, services.Auth.AuthEnableAsync),
        Unary("/etcdserverpb.Auth/AuthDisable", AuthDisableRequest.Parser, services.Auth.AuthDisableAsync),
        Unary("/etcdserverpb.Auth/AuthStatus", AuthStatusRequest.Parser, services.Auth.AuthStatusAsync),
        Unary("/etcdserverpb.Auth/Authenticate", AuthenticateRequest.Parser, services.Auth.AuthenticateAsync),
        Unary("/etcdserverpb.Auth/UserAdd", AuthUserAddRequest.Parser, services.Auth.UserAddAsync),
        Unary("/etcdserverpb.Auth/UserGet", AuthUserGetRequest.Parser, services.Auth.UserGetAsync),
        Unary("/etcdserverpb.Auth/UserList", AuthUserListRequest.Parser, services.Auth.UserListAsync),
        Unary("/etcdserverpb.Auth/UserDelete", AuthUserDeleteRequest.Parser, services.Auth.UserDeleteAsync),
        Unary("/etcdserverpb.Auth/UserChangePassword", AuthUserChangePasswordRequest.Parser, services.Auth.UserChangePasswordAsync),
        Unary("/etcdserverpb.Auth/UserGrantRole", AuthUserGrantRoleRequest.Parser, services.Auth.UserGrantRoleAsync),
        Unary("/etcdserverpb.Auth/UserRevokeRole", AuthUserRevokeRoleRequest.Parser, services.Auth.UserRevokeRoleAsync),
        Unary("/etcdserverpb.Auth/RoleAdd", AuthRoleAddRequest.Parser, services.Auth.RoleAddAsync),
        Unary("/etcdserverpb.Auth/RoleGet", AuthRoleGetRequest.Parser, services.Auth.RoleGetAsync),
        Unary("/etcdserverpb.Auth/RoleList", AuthRoleListRequest.Parser, services.Auth.RoleListAsync),
        Unary("/etcdserverpb.Auth/RoleDelete", AuthRoleDeleteRequest.Parser, services.Auth.RoleDeleteAsync),
        Unary("/etcdserverpb.Auth/RoleGrantPermission", AuthRoleGrantPermissionRequest.Parser, services.Auth.RoleGrantPermissionAsync),
        Unary("/etcdserverpb.Auth/RoleRevokePermission", AuthRoleRevokePermissionRequest.Parser, services.Auth.RoleRevokePermissionAsync),
        Unary("/v3lockpb.Lock/Lock", LockRequest.Parser, services.Lock.LockAsync),
        Unary("/v3lockpb.Lock/Unlock", UnlockRequest.Parser, services.Lock.UnlockAsync),
        Unary("/v3electionpb.Election/Campaign", CampaignRequest.Parser, services.Election.CampaignAsync),
        Unary("/v3electionpb.Election/Proclaim", ProclaimRequest.Parser, services.Election.ProclaimAsync),
        Unary("/v3electionpb.Election/Leader", LeaderRequest.Parser, services.Election.LeaderAsync),
        ServerStreaming("/v3electionpb.Election/Observe", LeaderRequest.Parser, (LeaderRequest request, IResponseStream<LeaderResponse> responses, CallContext call) =>
            services.Election.ObserveAsync(request, responses, call)),
        Unary("/v3electionpb.Election/Resign", ResignRequest.Parser, services.Election.ResignAsync),
        Unary("/grpc.health.v1.Health/Check", HealthCheckRequest.Parser, services.Health.CheckAsync),
        Unary("/grpc.health.v1.Health/List", HealthListRequest.Parser, services.Health.ListAsync),
        ServerStreaming("/grpc.health.v1.Health/Watch", HealthCheckRequest.Parser, (HealthCheckRequest request, IResponseStream<HealthCheckResponse> responses, CallContext call) =>
            services.Health.WatchAsync(request, responses, call)),
    ];

    private ValueTask<GrpcAnswer<RangeResponse>> RangeAsync(KvService kv, RangeRequest request, GrpcCall call)
    {
        ValueTask<(RangeResponse? Message, IEncodedAnswer? Encoded)> answering = kv.AnswerRangeAsync(request, gate.Enter(call, request));
        return answering.IsCompletedSuccessfully ? new(AnswerOf(answering.Result)) : AwaitAsync(answering);

        static async ValueTask<GrpcAnswer<RangeResponse>> AwaitAsync(ValueTask<(RangeResponse?, IEncodedAnswer?)> answering) =>
            AnswerOf(await answering.ConfigureAwait(false));

        static GrpcAnswer<RangeResponse> AnswerOf((RangeResponse? Message, IEncodedAnswer? Encoded) answer) =>
            answer.Encoded is { } encoded ? new(new EncodedBody(encoded)) : new(answer.Message!);
    }

    private GrpcMethod Unary<TRequest, TResponse>(
        string path, MessageParser<TRequest> parser, Func<TRequest, CallContext, ValueTask<TResponse>> handler, GrpcMessageReader<TRequest>? reader = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        GrpcMethod.Unary<TRequest, TResponse>(path, parser, (request, call) => handler(request, gate.Enter(call, request)), reader);

    private GrpcMethod ServerStreaming<TRequest, TResponse>(
        string path, MessageParser<TRequest> parser, Func<TRequest, IResponseStream<TResponse>, CallContext, Task> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        GrpcMethod.ServerStreaming<TRequest, TResponse>(
            path, parser, (request, call, writer) => handler(request, new ResponseStream<TResponse>(writer), gate.EnterStream(call, path)));

    private GrpcMethod Duplex<TRequest, TResponse>(
        string path, MessageParser<TRequest> parser,
        Func<IRequestStream<TRequest>, IResponseStream<TResponse>, CallContext, Task> handler)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        GrpcMethod.Duplex<TRequest, TResponse>(
            path, parser,
            (reader, call, writer) => handler(new RequestStream<TRequest>(reader), new ResponseStream<TResponse>(writer), gate.EnterStream(call, path)));
}
