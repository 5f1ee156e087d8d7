using EtcdNet.Protocol;
using EtcdNet.Protocol.Authpb;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>All places where EtcdNet rightly answers otherwise than the oracle, etcd 3.5.30, one by one. Whatever is not here has to be the same.</summary>
internal static class KnownDifferences
{
    private const string NotEnoughStarted = "etcdserver: re-configuration failed due to not enough started members";

    /// <summary>Those that show without users.</summary>
    public static IReadOnlyList<KnownDifference> General { get; } =
    [
        new("Status.version", "3.5", "3.6", "clients choose features by it", static exchange =>
            Changed<StatusResponse>(exchange, static status => status.Version = "3.6.14")),
        new("Status.storageVersion", "3.5", "3.6", "a field that 3.6 added", static exchange =>
            Changed<StatusResponse>(exchange, static status => status.StorageVersion = "3.6.0")),
        new("Status.dbSizeQuota", "3.5", "3.6", "a field that 3.6 added; 2 GiB unless told", static exchange =>
            Changed<StatusResponse>(exchange, static status => status.DbSizeQuota = 2L << 30)),
        new("Status.downgradeInfo", "3.5", "3.6", "a field that 3.6 added", static exchange =>
            Changed<StatusResponse>(exchange, static status => status.DowngradeInfo = new DowngradeInfo())),
        new("HashKV.hash_revision", "3.5", "3.6", "a field that 3.6 added: the revision that the hash stands for", static exchange =>
            exchange.Request is HashKVRequest hash
                ? Changed<HashKVResponse>(exchange, answer => answer.HashRevision = hash.Revision != 0 ? hash.Revision : answer.Header.Revision)
                : null),
        new("Range.sort_order", "3.5", "3.6", "3.5 takes any number for an order; 3.6 refuses what it does not know", static exchange =>
            exchange.Request is RangeRequest range && (!Enum.IsDefined(range.SortOrder) || !Enum.IsDefined(range.SortTarget))
                ? new Outcome(GrpcStatus.InvalidArgument, "etcdserver: invalid sort option", null)
                : null),
        new("MemberUpdate.isLearner", "3.5", "EtcdNet", "etcd shows a learner whose URLs were changed as a voter, which it is not", static exchange =>
            exchange.Request is MemberUpdateRequest { ID: not Side.OwnMember } update
                ? Changed<MemberUpdateResponse>(exchange, answer => answer.Members.Single(member => member.ID == update.ID).IsLearner = true)
                : null),
        new("Lock.lost", "3.5", "EtcdNet", "etcd gives the lock to who has lost its place when another call with the same lease has taken a new one", static exchange =>
            exchange is { Rpc: "Lock", IsLost: true, Expected.Answer: not null } ? new Outcome(GrpcStatus.Unknown, "mutex: session is expired", null) : null),
        new("Campaign.lost", "3.5", "EtcdNet", "etcd makes a candidate leader whose key has gone while it waited; nobody else sees it lead", static exchange =>
            exchange is { Rpc: "Campaign", IsLost: true, Expected.Answer: not null } ? new Outcome(GrpcStatus.Unknown, "election: not leader", null) : null),
        new("MemberRemove.code", "3.5", "EtcdNet", "the documented code; etcd's own table of errors holds the client's form of this one, and Unknown comes out", static exchange =>
            exchange is { Rpc: "MemberRemove" or "MemberAdd" or "MemberPromote", Expected: { Status: GrpcStatus.Unknown, Message: NotEnoughStarted } }
                ? new Outcome(GrpcStatus.FailedPrecondition, NotEnoughStarted, null)
                : null),
    ];

    /// <summary>Those that show with users.</summary>
    public static IReadOnlyList<KnownDifference> Auth { get; } =
    [
        new("Status.permission", "3.5", "3.6", "3.5.30 lets only administrators see the status, 3.6 every user", static exchange =>
            exchange is { Request: StatusRequest, Expected.Status: GrpcStatus.PermissionDenied, Answered.Answer: StatusResponse } ? exchange.Answered : null),
        new("Maintenance.refusal", "3.5", "3.6", "3.5.30 lets the store's own error through where maintenance is refused; 3.6 has the client's form of it", static exchange =>
            exchange is { Request: HashRequest or HashKVRequest or DefragmentRequest, Expected.Status: GrpcStatus.Unknown } ? RefusalOf(exchange.Expected.Message) : null),
        new("Watch.openEnd", "3.5", "3.6", "3.5.30 takes an open end for one key when it asks for the permission (GHSA-xg4h-6gfc-h4m8)", static exchange =>
            exchange is
            {
                Request: WatchRequest { CreateRequest.RangeEnd.Span: [0] }, Expected.Answer: WatchResponse { Canceled: false },
                Answered.Answer: WatchResponse { Canceled: true, CancelReason: "rpc error: code = PermissionDenied desc = etcdserver: permission denied" },
            }
                ? exchange.Answered
                : null),
        new("RoleGet.root", "3.5", "3.6", "3.6 says what the role root may do, whatever was granted to it", static exchange =>
            exchange.Request is AuthRoleGetRequest { Role: "root" }
                ? Changed<AuthRoleGetResponse>(exchange, static answer =>
                {
                    answer.Perm.Clear();
                    answer.Perm.Add(new Permission { PermType = Permission.Types.Type.Readwrite, RangeEnd = ByteString.CopyFrom(0) });
                })
                : null),
    ];

    /// <summary>The whole list.</summary>
    public static IReadOnlyList<KnownDifference> All { get; } = [.. General, .. Auth];

    private static Outcome? RefusalOf(string message) => message switch
    {
        "auth: permission denied" => new Outcome(GrpcStatus.PermissionDenied, "etcdserver: permission denied", null),
        "auth: user name is empty" => new Outcome(GrpcStatus.InvalidArgument, "etcdserver: user name is empty", null),
        "auth: user not found" => new Outcome(GrpcStatus.FailedPrecondition, "etcdserver: user name not found", null),
        "auth: invalid auth token" => new Outcome(GrpcStatus.Unauthenticated, "etcdserver: invalid auth token", null),
        _ => null,
    };

    private static Outcome? Changed<T>(Exchange exchange, Action<T> change)
        where T : class, IMessage<T>, IDeepCloneable<T>
    {
        if (exchange.Expected.Answer is not T answer)
            return null;
        T copy = answer.Clone();
        change(copy);
        return Outcome.Of(copy);
    }
}
