using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>All places where EtcdNet rightly answers otherwise than the oracle, etcd 3.5.30, one by one. Whatever is not here has to be the same.</summary>
internal static class KnownDifferences
{
    /// <summary>The list.</summary>
    public static IReadOnlyList<KnownDifference> All { get; } =
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
                ? Changed<HashKVResponse>(exchange, answer => answer.HashRevision = hash.Revision > 0 ? hash.Revision : answer.Header.Revision)
                : null),
        new("Range.sort_order", "3.5", "3.6", "3.5 takes any number for an order; 3.6 refuses what it does not know", static exchange =>
            exchange.Request is RangeRequest range && (!Enum.IsDefined(range.SortOrder) || !Enum.IsDefined(range.SortTarget))
                ? new Outcome(GrpcStatus.InvalidArgument, "etcdserver: invalid sort option", null)
                : null),
    ];

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
