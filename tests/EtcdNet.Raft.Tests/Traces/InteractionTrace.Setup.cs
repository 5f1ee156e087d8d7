using System.Globalization;
using System.Text;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Making nodes.</summary>
internal sealed partial class InteractionTrace
{
    private static readonly HashSet<string> NodeOptions =
    [
        "voters", "learners", "index", "content", "inflight", "max-committed-size-per-ready", "async-storage-writes", "prevote",
        "checkquorum", "disable-conf-change-validation", "step-down-on-removal", "read-only",
    ];

    /// <summary><c>add-nodes 3 voters=(1,2) learners=(3) index=10 prevote=true …</c>: with an index, from a snapshot of term 1.</summary>
    private void AddNodes(TraceBlock block)
    {
        Assert.All(block.Arguments.Skip(1), a => Assert.Contains(a.Key, NodeOptions));
        var initial = InitialSnapshot(block);
        var count = int.Parse(block.Arguments[0].Key, CultureInfo.InvariantCulture);
        for (var i = 0; i < count; i++)
        {
            var id = (ulong)_nodes.Count + 1;
            _nodes.Add(TraceNode.Create(id, _ => Options(id, block), initial, _output));
        }
    }

    private static Snapshot InitialSnapshot(TraceBlock block)
    {
        ulong[] Ids(string key) => block.Find(key)?.Ids.ToArray() ?? [];
        var configuration = new ConfState { Voters = Ids("voters"), Learners = Ids("learners") };
        var content = Encoding.UTF8.GetBytes(block.Find("content")?.Value ?? "");
        var index = block.Find("index")?.Ids.Single() ?? 0;
        if (index == 0 && content.Length == 0 && configuration.Voters.Count + configuration.Learners.Count == 0)
            return Snapshot.Empty;
        if (index <= 1)
            throw new TraceErrorException("index must be specified as > 1 due to bootstrap");
        return new Snapshot(new SnapshotMetadata(configuration, index, 1), content);
    }

    private RaftOptions Options(ulong id, TraceBlock block)
    {
        bool Flag(string key) => block.Find(key) is { Flag: true };
        var committed = block.Find("max-committed-size-per-ready");
        return new RaftOptions
        {
            Id = id,
            ElectionTick = 3,
            HeartbeatTick = 1,
            MaxSizePerMessage = ulong.MaxValue,
            MaxInflightMessages = block.Find("inflight") is { } inflight ? (int)inflight.Ids.Single() : int.MaxValue,
            MaxCommittedSizePerReady = committed is null ? 0 : committed.Ids.Single(),
            AsyncStorageWrites = Flag("async-storage-writes"),
            PreVote = Flag("prevote"),
            CheckQuorum = Flag("checkquorum"),
            DisableConfChangeValidation = Flag("disable-conf-change-validation"),
            StepDownOnRemoval = Flag("step-down-on-removal"),
            ReadOnlyOption = block.Find("read-only")?.Value switch
            {
                null or "safe" => ReadOnlyOption.Safe,
                "lease-based" => ReadOnlyOption.LeaseBased,
                var other => throw new TraceErrorException($"invalid read-only option \"{other}\""),
            },
            Random = new Random(1),
            Logger = _output,
        };
    }
}
