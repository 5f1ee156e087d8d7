using EtcdNet.Server.Auth;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server;

/// <summary>Settings of one member, checked and in their final types.</summary>
public sealed record MemberOptions
{
    /// <summary>Human-readable name (<c>--name</c>).</summary>
    public required string Name { get; init; }

    /// <summary>Where everything is kept (<c>--data-dir</c>).</summary>
    public required string DataDirectory { get; init; }

    /// <summary>Where the write-ahead log is kept apart from the rest (<c>--wal-dir</c>); null: with the rest.</summary>
    public string? LogDirectory { get; init; }

    /// <summary>This member's peer URLs (<c>--initial-advertise-peer-urls</c>); its id is computed from them.</summary>
    public required IReadOnlyList<string> PeerUrls { get; init; }

    /// <summary>Client URLs told to clients (<c>--advertise-client-urls</c>).</summary>
    public required IReadOnlyList<string> ClientUrls { get; init; }

    /// <summary>
    /// Peer URLs of each member of a new cluster, this one among them (<c>--initial-cluster</c>); none: a cluster of one.
    /// </summary>
    public IReadOnlyList<IReadOnlyList<string>> InitialCluster { get; init; } = [];

    /// <summary>
    /// Who this member is in a cluster that runs already (<c>--initial-cluster-state existing</c>): it begins with nothing
    /// and gets everything from the leader. Null to found a new cluster. Ignored when the directory has data.
    /// </summary>
    public WalMetadata? Joins { get; init; }

    /// <summary>Make a cluster of this one member out of its data (<c>--force-new-cluster</c>): the others are removed without being asked.</summary>
    public bool ForceNewCluster { get; init; }

    /// <summary>Refuse changes of the members after which there might be no quorum (<c>--strict-reconfig-check</c>).</summary>
    public bool StrictReconfigurationCheck { get; init; } = true;

    /// <summary>Most learners in the cluster (<c>--max-learners</c>). The same on every member.</summary>
    public int MaxLearners { get; init; } = MemberStore.DefaultMaxLearners;

    /// <summary>Compare the data with the other members' before taking part, and do not when it differs (gate InitialCorruptCheck).</summary>
    public bool InitialCorruptCheck { get; init; }

    /// <summary>Time between the leader's comparisons of all members' data; zero: none (<c>--corrupt-check-time</c>).</summary>
    public TimeSpan CorruptCheckInterval { get; init; }

    /// <summary>Time between comparisons of what members kept of compactions; zero: none (gate CompactHashCheck, <c>--compact-hash-check-time</c>).</summary>
    public TimeSpan CompactHashCheckInterval { get; init; }

    /// <summary>Time between the leader's looks whether a downgrade is done; zero: it is not done by itself (<c>--downgrade-check-time</c>).</summary>
    public TimeSpan DowngradeCheckInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Part of the ids of members and cluster (<c>--initial-cluster-token</c>).</summary>
    public string ClusterToken { get; init; } = "etcd-cluster";

    /// <summary>Length of a Raft tick (<c>--heartbeat-interval</c>).</summary>
    public TimeSpan HeartbeatInterval { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Silence after which a follower campaigns (<c>--election-timeout</c>); at least five heartbeats.</summary>
    public TimeSpan ElectionTimeout { get; init; } = TimeSpan.FromMilliseconds(1000);

    /// <summary>Smallest lease TTL, seconds: one and a half election timeouts, rounded up. The same on every member.</summary>
    public long LeaseTtlMin => (long)Math.Ceiling(1.5 * ElectionTimeout.TotalSeconds);

    /// <summary>Shorten the first election after a start (<c>--initial-election-tick-advance</c>).</summary>
    public bool ElectionTickAdvance { get; init; } = true;

    /// <summary><c>--pre-vote</c>.</summary>
    public bool PreVote { get; init; } = true;

    /// <summary>Megabytes of dead space from which on the store is defragmented at the start; 0: never (<c>--bootstrap-defrag-threshold-megabytes</c>).</summary>
    public long DefragmentAtStartMegabytes { get; init; }

    /// <summary>Bytes the store may take (<c>--quota-backend-bytes</c>): 0 is 2 GiB, negative is no limit.</summary>
    public long QuotaBytes { get; init; }

    /// <summary>
    /// The leader tells the others now and then how long leases still live, so that the next leader does not start over (gate
    /// LeaseCheckpoint). The remainders are part of the state and survive restarts, whatever LeaseCheckpointPersist says.
    /// </summary>
    public bool LeaseCheckpoints { get; init; }

    /// <summary>Span of time whose history automatic compaction keeps; 0 for none (<c>--auto-compaction-mode periodic</c>).</summary>
    public TimeSpan AutoCompactionPeriod { get; init; }

    /// <summary>Revisions that automatic compaction keeps; 0 for none (<c>--auto-compaction-mode revision</c>).</summary>
    public long AutoCompactionRevisions { get; init; }

    /// <summary>Records that one step of a compaction looks at; between two steps waiting writes are applied (<c>--compaction-batch-limit</c>).</summary>
    public int CompactionBatch { get; init; } = 1000;

    /// <summary>Health says NOT_SERVING while the store is defragmented (gate StopGRPCServiceOnDefrag).</summary>
    public bool StopServingOnDefragmentation { get; init; }

    /// <summary>Most compares, and most operations of a branch (<c>--max-txn-ops</c>).</summary>
    public int TxnOpsMax { get; init; } = 128;

    /// <summary>Kind of the tokens that stand for users (<c>--auth-token</c>, <c>--auth-token-ttl</c>). The same on every member.</summary>
    public TokenOptions AuthToken { get; init; } = new();

    /// <summary>Cost of hashing passwords, 4 to 31: two to the power of it rounds (<c>--bcrypt-cost</c>).</summary>
    public int BcryptCost { get; init; } = 10;

    /// <summary>Limits of proposals (<c>--max-request-bytes</c> among them).</summary>
    public ProposerLimits Proposals { get; init; } = new();

    /// <summary>Idle time after which a watcher that asked for it is told the revision (<c>--watch-progress-notify-interval</c>).</summary>
    public TimeSpan WatchProgressInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>An apply that takes longer is logged (<c>--warning-apply-duration</c>).</summary>
    public TimeSpan SlowApply { get; init; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Do not sync the log (<c>--unsafe-no-fsync</c>): acknowledged writes are lost with a crash of the machine.</summary>
    public bool UnsafeNoSync { get; init; }

    /// <summary>Size of a file of the write-ahead log, bytes.</summary>
    public int LogSegmentBytes { get; init; } = WalOptions.SegmentBytesDefault;

    /// <summary>Bytes of write-ahead log after which a checkpoint is made.</summary>
    public long CheckpointAfterBytes { get; init; } = 64L << 20;

    /// <summary>Dead bytes in the store from which on space is taken back.</summary>
    public long CollectDeadBytesMin { get; init; } = 64L << 20;

    /// <summary>Page, memory and file sizes of the store.</summary>
    public FasterOptions Store { get; init; } = new();

    /// <summary>Applied entries, beyond <see cref="CatchUpEntries"/>, after which the older ones are dropped from memory (<c>--snapshot-count</c>).</summary>
    public ulong SnapshotCount { get; init; } = 10_000;

    /// <summary>Applied entries that stay in memory for a follower that is a little behind (<c>--snapshot-catchup-entries</c>).</summary>
    public ulong CatchUpEntries { get; init; } = 5000;

    /// <summary>Bytes of entries that stay in memory for such a follower at most, however few entries that makes.</summary>
    public long CatchUpBytes { get; init; } = 64L << 20;
}
