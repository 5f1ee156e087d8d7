using EtcdNet.Raft.Tests.Support;

namespace EtcdNet.Raft.Tests.Parts;

/// <summary>Settings that cannot work are refused at the start.</summary>
public sealed class OptionsTests
{
    public static TheoryData<string, RaftOptions> Wrong => new()
    {
        { "Id", New(id: 0) },
        { "Id", New(id: LocalThreads.Append) },
        { "HeartbeatTick", New(heartbeat: 0) },
        { "ElectionTick", New(election: 1) },
        { "MaxInflightMessages", New(inflight: 0) },
        { "MaxInflightBytes", New(inflightBytes: 5) },
        { "CheckQuorum", New(reads: ReadOnlyOption.LeaseBased) },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public void Wrong_settings_name_the_option(string name, RaftOptions options) =>
        Assert.Equal(name, Assert.Throws<ArgumentException>(() => new RaftNode(options, new MemoryStorage())).ParamName);

    private static RaftOptions New(
        ulong id = 1, int election = 10, int heartbeat = 1, int inflight = 5, ulong inflightBytes = 0, ReadOnlyOption reads = ReadOnlyOption.Safe) =>
        new()
        {
            Id = id, ElectionTick = election, HeartbeatTick = heartbeat, MaxInflightMessages = inflight, MaxInflightBytes = inflightBytes,
            ReadOnlyOption = reads, Random = new Random(1),
        };
}
