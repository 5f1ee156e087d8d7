using EtcdNet.Protocol;

namespace EtcdNet.StateMachine.Errors;

/// <summary>
/// The errors that clients know by text: a Go client turns an equal text into a typed error, so the text matters
/// as much as the code. Codes and texts are those of etcd 3.6.
/// </summary>
public sealed record EtcdError(GrpcStatus Code, string Message)
{
    public static readonly EtcdError EmptyKey = new(GrpcStatus.InvalidArgument, "etcdserver: key is not provided");
    public static readonly EtcdError KeyNotFound = new(GrpcStatus.InvalidArgument, "etcdserver: key not found");
    public static readonly EtcdError ValueProvided = new(GrpcStatus.InvalidArgument, "etcdserver: value is provided");
    public static readonly EtcdError LeaseProvided = new(GrpcStatus.InvalidArgument, "etcdserver: lease is provided");
    public static readonly EtcdError TooManyOps = new(GrpcStatus.InvalidArgument, "etcdserver: too many operations in txn request");
    public static readonly EtcdError DuplicateKey = new(GrpcStatus.InvalidArgument, "etcdserver: duplicate key given in txn request");
    public static readonly EtcdError Compacted = new(GrpcStatus.OutOfRange, "etcdserver: mvcc: required revision has been compacted");
    public static readonly EtcdError FutureRev = new(GrpcStatus.OutOfRange, "etcdserver: mvcc: required revision is a future revision");
    public static readonly EtcdError NoSpace = new(GrpcStatus.ResourceExhausted, "etcdserver: mvcc: database space exceeded");
    public static readonly EtcdError LeaseNotFound = new(GrpcStatus.NotFound, "etcdserver: requested lease not found");
    public static readonly EtcdError LeaseExist = new(GrpcStatus.FailedPrecondition, "etcdserver: lease already exists");
    public static readonly EtcdError LeaseTTLTooLarge = new(GrpcStatus.OutOfRange, "etcdserver: too large lease TTL");
    public static readonly EtcdError WatchCanceled = new(GrpcStatus.Canceled, "etcdserver: watch canceled");
    public static readonly EtcdError MemberExist = new(GrpcStatus.FailedPrecondition, "etcdserver: member ID already exist");
    public static readonly EtcdError PeerURLExist = new(GrpcStatus.FailedPrecondition, "etcdserver: Peer URLs already exists");
    public static readonly EtcdError MemberNotEnoughStarted = new(GrpcStatus.FailedPrecondition, "etcdserver: re-configuration failed due to not enough started members");
    public static readonly EtcdError MemberBadURLs = new(GrpcStatus.InvalidArgument, "etcdserver: given member URLs are invalid");
    public static readonly EtcdError MemberNotFound = new(GrpcStatus.NotFound, "etcdserver: member not found");
    public static readonly EtcdError MemberNotLearner = new(GrpcStatus.FailedPrecondition, "etcdserver: can only promote a learner member");
    public static readonly EtcdError LearnerNotReady = new(GrpcStatus.FailedPrecondition, "etcdserver: can only promote a learner member which is in sync with leader");
    public static readonly EtcdError TooManyLearners = new(GrpcStatus.FailedPrecondition, "etcdserver: too many learner members in cluster");
    public static readonly EtcdError ClusterIDMismatch = new(GrpcStatus.FailedPrecondition, "etcdserver: cluster ID mismatch");
    public static readonly EtcdError RequestTooLarge = new(GrpcStatus.InvalidArgument, "etcdserver: request is too large");
    public static readonly EtcdError RequestTooManyRequests = new(GrpcStatus.ResourceExhausted, "etcdserver: too many requests");
    public static readonly EtcdError RootUserNotExist = new(GrpcStatus.FailedPrecondition, "etcdserver: root user does not exist");
    public static readonly EtcdError RootRoleNotExist = new(GrpcStatus.FailedPrecondition, "etcdserver: root user does not have root role");
    public static readonly EtcdError UserAlreadyExist = new(GrpcStatus.FailedPrecondition, "etcdserver: user name already exists");
    public static readonly EtcdError UserEmpty = new(GrpcStatus.InvalidArgument, "etcdserver: user name is empty");
    public static readonly EtcdError UserNotFound = new(GrpcStatus.FailedPrecondition, "etcdserver: user name not found");
    public static readonly EtcdError RoleAlreadyExist = new(GrpcStatus.FailedPrecondition, "etcdserver: role name already exists");
    public static readonly EtcdError RoleNotFound = new(GrpcStatus.FailedPrecondition, "etcdserver: role name not found");
    public static readonly EtcdError RoleEmpty = new(GrpcStatus.InvalidArgument, "etcdserver: role name is empty");
    public static readonly EtcdError AuthFailed = new(GrpcStatus.InvalidArgument, "etcdserver: authentication failed, invalid user ID or password");
    public static readonly EtcdError PermissionNotGiven = new(GrpcStatus.InvalidArgument, "etcdserver: permission not given");
    public static readonly EtcdError PermissionDenied = new(GrpcStatus.PermissionDenied, "etcdserver: permission denied");
    public static readonly EtcdError RoleNotGranted = new(GrpcStatus.FailedPrecondition, "etcdserver: role is not granted to the user");
    public static readonly EtcdError PermissionNotGranted = new(GrpcStatus.FailedPrecondition, "etcdserver: permission is not granted to the role");
    public static readonly EtcdError AuthNotEnabled = new(GrpcStatus.FailedPrecondition, "etcdserver: authentication is not enabled");
    public static readonly EtcdError InvalidAuthToken = new(GrpcStatus.Unauthenticated, "etcdserver: invalid auth token");
    public static readonly EtcdError InvalidAuthMgmt = new(GrpcStatus.InvalidArgument, "etcdserver: invalid auth management");
    public static readonly EtcdError AuthOldRevision = new(GrpcStatus.InvalidArgument, "etcdserver: revision of auth store is old");
    public static readonly EtcdError NoLeader = new(GrpcStatus.Unavailable, "etcdserver: no leader");
    public static readonly EtcdError NotLeader = new(GrpcStatus.FailedPrecondition, "etcdserver: not leader");
    public static readonly EtcdError LeaderChanged = new(GrpcStatus.Unavailable, "etcdserver: leader changed");
    public static readonly EtcdError NotCapable = new(GrpcStatus.FailedPrecondition, "etcdserver: not capable");
    public static readonly EtcdError Stopped = new(GrpcStatus.Unavailable, "etcdserver: server stopped");
    public static readonly EtcdError Timeout = new(GrpcStatus.Unavailable, "etcdserver: request timed out");
    public static readonly EtcdError TimeoutDueToLeaderFail = new(GrpcStatus.Unavailable, "etcdserver: request timed out, possibly due to previous leader failure");
    public static readonly EtcdError TimeoutDueToConnectionLost = new(GrpcStatus.Unavailable, "etcdserver: request timed out, possibly due to connection lost");
    public static readonly EtcdError TimeoutWaitAppliedIndex = new(GrpcStatus.Unavailable, "etcdserver: request timed out, waiting for the applied index took too long");
    public static readonly EtcdError TimeoutLeaderTransfer = new(GrpcStatus.Unknown, "etcdserver: request timed out, leader transfer took too long");
    public static readonly EtcdError Unhealthy = new(GrpcStatus.Unavailable, "etcdserver: unhealthy cluster");
    public static readonly EtcdError Corrupt = new(GrpcStatus.DataLoss, "etcdserver: corrupt cluster");
    public static readonly EtcdError NotSupportedForLearner = new(GrpcStatus.FailedPrecondition, "etcdserver: rpc not supported for learner");
    public static readonly EtcdError BadLeaderTransferee = new(GrpcStatus.FailedPrecondition, "etcdserver: bad leader transferee");
    public static readonly EtcdError ClusterVersionUnavailable = new(GrpcStatus.FailedPrecondition, "etcdserver: cluster version not found during downgrade");
    public static readonly EtcdError WrongDowngradeVersionFormat = new(GrpcStatus.InvalidArgument, "etcdserver: wrong downgrade target version format");
    public static readonly EtcdError InvalidDowngradeTargetVersion = new(GrpcStatus.InvalidArgument, "etcdserver: invalid downgrade target version");
    public static readonly EtcdError DowngradeInProcess = new(GrpcStatus.FailedPrecondition, "etcdserver: cluster has a downgrade job in progress");
    public static readonly EtcdError NoInflightDowngrade = new(GrpcStatus.FailedPrecondition, "etcdserver: no inflight downgrade job");
    public static readonly EtcdError Canceled = new(GrpcStatus.Canceled, "etcdserver: request canceled");
    public static readonly EtcdError DeadlineExceeded = new(GrpcStatus.DeadlineExceeded, "etcdserver: context deadline exceeded");
    public static readonly EtcdError InvalidClientAPIVersion = new(GrpcStatus.InvalidArgument, "etcdserver: invalid client api version");
    public static readonly EtcdError InvalidSortOption = new(GrpcStatus.InvalidArgument, "etcdserver: invalid sort option");

    /// <summary>The error as an exception.</summary>
    public EtcdException ToException() => new(this);
}
