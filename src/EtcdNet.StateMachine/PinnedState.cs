using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Leasepb;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine;

/// <summary>
/// The whole state as it was between two entries, for who writes it down while the member goes on: small parts as copies, keys as
/// a <see cref="PinnedHistory"/>. To be disposed soon, since compactions wait for it.
/// </summary>
public sealed class PinnedState : IDisposable
{
    internal PinnedState(PinnedHistory history) => History = history;

    /// <summary>Last entry that is contained.</summary>
    public required ulong AppliedIndex { get; init; }

    /// <summary>Its term.</summary>
    public required ulong AppliedTerm { get; init; }

    /// <summary>Keys and their past.</summary>
    public PinnedHistory History { get; }

    /// <summary>Leases, in no order.</summary>
    public required IReadOnlyList<Lease> Leases { get; init; }

    /// <summary>Active alarms.</summary>
    public required IReadOnlyList<AlarmMember> Alarms { get; init; }

    /// <summary>Users, roles and permissions.</summary>
    public required AuthView Auth { get; init; }

    /// <summary>Members, by id.</summary>
    public required IReadOnlyList<Cluster.Member> Members { get; init; }

    /// <summary>Ids of former members.</summary>
    public required IReadOnlyList<ulong> Removed { get; init; }

    /// <summary>Agreed cluster version; empty while none is.</summary>
    public required string ClusterVersion { get; init; }

    /// <summary>Version that the cluster is being downgraded to; null when no downgrade goes on.</summary>
    public required string? DowngradeTarget { get; init; }

    /// <summary>Marshalled raftpb.ConfState; empty before the first change of the configuration.</summary>
    public required ReadOnlyMemory<byte> ConfState { get; init; }

    /// <inheritdoc/>
    public void Dispose() => History.Dispose();
}
