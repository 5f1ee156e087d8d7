using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog;
using RaftConfChange = EtcdNet.Raft.ConfChange;

namespace EtcdNet.Server.Tests.Cluster;

/// <summary>Several whole members with their threads in one process, each on a disk of its own.</summary>
internal sealed class ClusterWorld : IAsyncDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(90);
    private readonly Dictionary<int, SimDisk> _disks = [];
    private readonly Dictionary<int, RunningMember> _members = [];
    private readonly List<Exception> _fatal = [];
    private readonly int _founders;

    public ClusterWorld(int founders) => _founders = founders;

    public LocalNetwork Network { get; } = new();

    public IReadOnlyCollection<RunningMember> Running => _members.Values;

    public RunningMember this[int number] => _members[number];

    public static ulong IdOf(int number) => MemberIds.OfMember([UrlOf(number)], "etcd-cluster");

    public async Task StartAllAsync() => await Task.WhenAll(Enumerable.Range(1, _founders).Select(number => StartAsync(number)));

    /// <summary>How long a request may take; by default etcd's seven seconds.</summary>
    public TimeSpan RequestTimeout { get; init; } = TimeSpan.FromSeconds(7);

    /// <summary>Changes the options of members that start.</summary>
    public Func<MemberOptions, MemberOptions> Adjust { get; set; } = static options => options;

    public SimDisk DiskOf(int number) => _disks[number];

    public int NumberOf(RunningMember member) => _members.First(entry => entry.Value == member).Key;

    public async Task StartAsync(int number, bool joins = false, bool alone = false)
    {
        if (!_disks.TryGetValue(number, out SimDisk? disk))
            _disks[number] = disk = new SimDisk();
        RunningMember member = RunningMember.Open(Options(number, joins) with { ForceNewCluster = alone }, disk, OnFatal, TimeProvider.System, Logger());
        _members[number] = member;
        Network.Join(member);
        await member.StartAsync(CancellationToken.None).WaitAsync(s_limit);
    }

    public async Task StopAsync(int number)
    {
        Network.Leave(IdOf(number));
        _members.Remove(number, out RunningMember? member);
        await member!.DisposeAsync();
    }

    public async Task<RunningMember> LeaderAsync()
    {
        RunningMember? leader = null;
        await UntilAsync(() => (leader = _members.Values.FirstOrDefault(static member => member.Status.Current.IsLeader)) is not null, "a leader");
        return leader!;
    }

    /// <summary>Tries until a member takes it: leaders may change on a busy machine.</summary>
    public static Task PutAsync(RunningMember member, string key, string value) => RetryAsync(() => PutOnceAsync(member, key, value));

    public static async Task PutOnceAsync(RunningMember member, string key, string value)
    {
        var request = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) };
        await member.Services.Kv.PutAsync(request, new CallContext());
    }

    public static async Task<string?> GetAsync(RunningMember member, string key, bool serializable = false)
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8(key), Serializable = serializable };
        RangeResponse? response = null;
        await RetryAsync(async () => response = await member.Services.Kv.RangeAsync(request, new CallContext()));
        return response!.Kvs.Count == 0 ? null : response.Kvs[0].Value.ToStringUtf8();
    }

    public static async Task RetryAsync(Func<Task> what)
    {
        long started = Environment.TickCount64;
        while (true)
        {
            try
            {
                await what();
                return;
            }
            catch (EtcdException error) when (Environment.TickCount64 - started < s_limit.TotalMilliseconds && IsPassing(error))
            {
                // No leader at this moment.
            }
        }
    }

    public static async Task ChangeAsync(RunningMember member, RaftConfChange change)
    {
        try
        {
            await RetryAsync(async () => await member.ChangeMemberAsync(change, CancellationToken.None));
        }
        catch (EtcdException done) when (done.Message == EtcdError.MemberExist.Message || done.Message == EtcdError.MemberNotFound.Message)
        {
            // An attempt that timed out was made all the same.
        }
    }

    public static RaftConfChange Adding(int number, bool learner = false) => new()
    {
        Type = learner ? ConfChangeType.AddLearnerNode : ConfChangeType.AddNode,
        NodeId = IdOf(number),
        Context = MemberJson.WriteContext(new StateMachine.Cluster.Member { Id = IdOf(number), PeerUrls = [UrlOf(number)], IsLearner = learner }),
    };

    /// <summary>All members have applied the same entries and are in the same state.</summary>
    public async Task AgreeAsync()
    {
        await UntilAsync(() => _members.Values.Select(static member => member.Machine.AppliedIndex).Distinct().Count() == 1, "the same applied index");
        Assert.Single(_members.Values.Select(static member => member.Machine.HashKv(0).Hash).Distinct());
    }

    public async Task UntilAsync(Func<bool> condition, string what)
    {
        long started = Environment.TickCount64;
        while (!condition())
        {
            lock (_fatal)
                Assert.Empty(_fatal);
            Assert.True(Environment.TickCount64 - started < s_limit.TotalMilliseconds, $"waited too long for: {what}");
            await Task.Yield();
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RunningMember member in _members.Values)
            await member.DisposeAsync();
        lock (_fatal)
            Assert.Empty(_fatal);
    }

    private static bool IsPassing(EtcdException error) =>
        new[] { EtcdError.Timeout, EtcdError.TimeoutDueToLeaderFail, EtcdError.TimeoutDueToConnectionLost, EtcdError.NoLeader, EtcdError.LeaderChanged }
            .Any(passing => passing.Message == error.Message);

    private static string UrlOf(int number) => $"http://m{number}:2380";

    private static Serilog.Core.Logger Logger() => new LoggerConfiguration().CreateLogger();

    private MemberOptions Options(int number, bool joins) => Adjust(new MemberOptions
    {
        Name = $"m{number}",
        DataDirectory = "/data",
        PeerUrls = [UrlOf(number)],
        ClientUrls = [],
        InitialCluster = [.. Enumerable.Range(1, _founders).Select(static founder => (IReadOnlyList<string>)[UrlOf(founder)])],
        Joins = joins ? new WalMetadata(IdOf(number), MemberIds.OfCluster(Enumerable.Range(1, _founders).Select(IdOf))) : null,
        HeartbeatInterval = TimeSpan.FromMilliseconds(50),
        ElectionTimeout = TimeSpan.FromMilliseconds(1000),
        Proposals = new ProposerLimits { RequestTimeout = RequestTimeout },
        CatchUpEntries = 5,
        SnapshotCount = 5,
        CheckpointAfterBytes = 200_000,
        Store = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 1 << 20 },
    });

    private void OnFatal(Exception error)
    {
        lock (_fatal)
            _fatal.Add(error);
    }
}
