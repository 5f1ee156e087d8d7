using System.Net;
using EtcdNet.Host.Logging;
using EtcdNet.Host.Telemetry;
using Serilog.Events;
using EtcdNet.Server.Auth;

namespace EtcdNet.Host.Configuration;

/// <summary>
/// The checked configuration of a member: what the flags, the environment or the file say, typed. Flags that are not built
/// yet have no property: their value is always the default.
/// </summary>
public sealed record EtcdOptions
{
    /// <summary>Name of this member.</summary>
    public required string Name { get; init; }

    /// <summary>Directory of the data; <c>{name}.etcdnet</c> unless given.</summary>
    public required string DataDir { get; init; }

    /// <summary>Directory of the write-ahead log, apart from the data; null: with them.</summary>
    public string? WalDir { get; init; }

    /// <summary>Keep all memory from being swapped out.</summary>
    public bool MemoryMlock { get; init; }

    /// <summary>Megabytes that must be freed for a defragmentation at the start; 0: none.</summary>
    public required long BootstrapDefragThresholdMegabytes { get; init; }

    /// <summary>URLs for clients.</summary>
    public required IReadOnlyList<EtcdUrl> ListenClientUrls { get; init; }

    /// <summary>URLs for clients that speak HTTP only; when there are some, <see cref="ListenClientUrls"/> serves gRPC only.</summary>
    public IReadOnlyList<EtcdUrl> ListenClientHttpUrls { get; init; } = [];

    /// <summary>URLs that clients are told.</summary>
    public required IReadOnlyList<EtcdUrl> AdvertiseClientUrls { get; init; }

    /// <summary>URLs for members.</summary>
    public required IReadOnlyList<EtcdUrl> ListenPeerUrls { get; init; }

    /// <summary>URLs that members are told.</summary>
    public required IReadOnlyList<EtcdUrl> InitialAdvertisePeerUrls { get; init; }

    /// <summary>Address that connections to other members leave from; null: the system picks one (gate SetMemberLocalAddr).</summary>
    public IPAddress? PeerLocalAddress => SetsPeerLocalAddress ? LocalAddress.Choose(InitialAdvertisePeerUrls) : null;

    /// <summary>Gate SetMemberLocalAddr.</summary>
    public bool SetsPeerLocalAddress => FeatureGates.Enabled["SetMemberLocalAddr"];

    /// <summary>Further URLs for metrics and health; may be empty.</summary>
    public required IReadOnlyList<EtcdUrl> ListenMetricsUrls { get; init; }

    /// <summary>DNS domain whose service records name the members of a new cluster; empty for none.</summary>
    public required string DiscoverySrv { get; init; }

    /// <summary>Suffix of the name of those records' service; may be empty.</summary>
    public required string DiscoverySrvName { get; init; }

    /// <summary>Members of a new cluster; see <see cref="InitialCluster.VerifyBootstrap"/>.</summary>
    public required InitialCluster InitialCluster { get; init; }

    /// <summary>False when the member joins an existing cluster.</summary>
    public required bool IsNewCluster { get; init; }

    /// <summary>Make a cluster of this one member out of its data.</summary>
    public required bool ForceNewCluster { get; init; }

    /// <summary>Refuse changes of the members that could cost the quorum.</summary>
    public required bool StrictReconfigCheck { get; init; }

    /// <summary><c>--max-learners</c>.</summary>
    public required long MaxLearners { get; init; }

    /// <summary>Text that goes into the ids of a new cluster.</summary>
    public required string InitialClusterToken { get; init; }

    /// <summary>One raft tick.</summary>
    public required TimeSpan HeartbeatInterval { get; init; }

    /// <summary>Time without a leader until an election.</summary>
    public required TimeSpan ElectionTimeout { get; init; }

    /// <summary>The same in ticks, rounded down as in etcd; at least 5.</summary>
    public int ElectionTicks => (int)(ElectionTimeout / HeartbeatInterval);

    /// <summary>Shorten the first election after a start.</summary>
    public required bool InitialElectionTickAdvance { get; init; }

    /// <summary>Entries applied between two snapshots.</summary>
    public required ulong SnapshotCount { get; init; }

    /// <summary><c>--snapshot-catchup-entries</c>.</summary>
    public required ulong SnapshotCatchUpEntries { get; init; }

    /// <summary><c>--downgrade-check-time</c>; zero: a downgrade is not watched.</summary>
    public required TimeSpan DowngradeCheckTime { get; init; }

    /// <summary>Records in a step of a compaction; 0 for the default is resolved.</summary>
    public required long CompactionBatchLimit { get; init; }

    /// <summary>Silence after which a connection from a member is given up; at least five seconds.</summary>
    public required TimeSpan RaftReadTimeout { get; init; }

    /// <summary>Time that a write to a member may take; at least five seconds.</summary>
    public required TimeSpan RaftWriteTimeout { get; init; }

    /// <summary>Let other processes listen on the same ports.</summary>
    public bool SocketReusePort { get; init; }

    /// <summary>What goes to an OpenTelemetry collector.</summary>
    public TelemetryOptions Telemetry { get; init; } = new();

    /// <summary>How the file of <see cref="LogOutputs"/> is rotated; null: not at all.</summary>
    public LogRotation? LogRotation { get; init; }

    /// <summary>Most operations in a branch of a transaction.</summary>
    public required long MaxTxnOps { get; init; }

    /// <summary>Largest request, in bytes.</summary>
    public required long MaxRequestBytes { get; init; }

    /// <summary>Most streams on one connection.</summary>
    public required uint MaxConcurrentStreams { get; init; }

    /// <summary>Shortest time between pings of a client.</summary>
    public required TimeSpan GrpcKeepaliveMinTime { get; init; }

    /// <summary>Time between pings of the server; zero for none.</summary>
    public required TimeSpan GrpcKeepaliveInterval { get; init; }

    /// <summary>Time to wait for the answer to such a ping.</summary>
    public required TimeSpan GrpcKeepaliveTimeout { get; init; }

    /// <summary>As given: 0 means the default, negative no limit; <see cref="EffectiveQuotaBytes"/> says what holds.</summary>
    public required long QuotaBackendBytes { get; init; }

    /// <summary>Size of the store that raises NOSPACE, in bytes; null for no limit.</summary>
    public long? EffectiveQuotaBytes => QuotaBackendBytes switch { 0 => QuotaDefaultBytes, < 0 => null, _ => QuotaBackendBytes };

    /// <summary>What automatic compaction keeps.</summary>
    public required CompactionRetention AutoCompaction { get; init; }

    /// <summary>2 GiB, the quota when none is given.</summary>
    public const long QuotaDefaultBytes = 2L * 1024 * 1024 * 1024;

    /// <summary><c>--corrupt-check-time</c>; zero: none.</summary>
    public required TimeSpan CorruptCheckTime { get; init; }

    /// <summary><c>--compact-hash-check-time</c>.</summary>
    public required TimeSpan CompactHashCheckTime { get; init; }

    /// <summary>Time between progress notifications of an idle watch.</summary>
    public required TimeSpan WatchProgressNotifyInterval { get; init; }

    /// <summary>A longer apply is logged.</summary>
    public required TimeSpan WarningApplyDuration { get; init; }

    /// <summary>A longer unary request is logged.</summary>
    public required TimeSpan WarningUnaryRequestDuration { get; init; }

    /// <summary>Kind of the tokens that stand for users.</summary>
    public required TokenOptions AuthToken { get; init; }

    /// <summary>Cost of hashing passwords: two to the power of it rounds.</summary>
    public required long BcryptCost { get; init; }

    /// <summary>Do not wait for the disk.</summary>
    public required bool UnsafeNoFsync { get; init; }

    /// <summary>Ask for votes before an election.</summary>
    public required bool PreVote { get; init; }

    /// <summary>Histograms per RPC as well.</summary>
    public required bool ExtensiveMetrics { get; init; }

    /// <summary>Serve the methods as JSON under <c>/v3/</c>.</summary>
    public bool EnableGrpcGateway { get; init; } = true;

    /// <summary>Origins that browsers may call from; holds <c>*</c> for all.</summary>
    public required IReadOnlySet<string> Cors { get; init; }

    /// <summary>Host names accepted without TLS; holds <c>*</c> for all.</summary>
    public required IReadOnlySet<string> HostWhitelist { get; init; }

    /// <summary>Least level that is logged.</summary>
    public required LogEventLevel LogLevel { get; init; }

    /// <summary>Form of the log lines.</summary>
    public required LogFormat LogFormat { get; init; }

    /// <summary>default, stderr, stdout, systemd/journal or paths.</summary>
    public required IReadOnlyList<string> LogOutputs { get; init; }

    /// <summary>Feature gates.</summary>
    public required FeatureGates FeatureGates { get; init; }
}
