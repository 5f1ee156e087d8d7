namespace EtcdNet.Raft.Tests.Support;

/// <summary>What a test wants to be different from the usual.</summary>
internal sealed record RaftSettings
{
    public bool Async { get; init; }

    public bool PreVote { get; init; }

    public bool CheckQuorum { get; init; }

    public bool StepDownOnRemoval { get; init; }

    public bool DisableProposalForwarding { get; init; }

    public ReadOnlyOption Reads { get; init; }

    public ulong MaxSizePerMessage { get; init; } = 1 << 20;

    public ulong MaxUncommitted { get; init; }

    public int MaxInflight { get; init; } = 16;

    public ulong MaxInflightBytes { get; init; }

    public ulong MaxCommitted { get; init; }

    public int Seed { get; init; } = 1;

    public IRaftLogger? Logger { get; init; }

    public RaftOptions ToOptions(ulong id, ulong applied = 0) => new()
    {
        Id = id, ElectionTick = 10, HeartbeatTick = 1, Applied = applied, AsyncStorageWrites = Async, PreVote = PreVote,
        CheckQuorum = CheckQuorum, StepDownOnRemoval = StepDownOnRemoval, DisableProposalForwarding = DisableProposalForwarding,
        ReadOnlyOption = Reads, MaxSizePerMessage = MaxSizePerMessage, MaxUncommittedEntriesSize = MaxUncommitted,
        MaxInflightMessages = MaxInflight, MaxInflightBytes = MaxInflightBytes, MaxCommittedSizePerReady = MaxCommitted,
        Random = new Random(Seed + (int)id), Logger = Logger,
    };
}
