using EtcdNet.Cluster.Tests.Load;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Histories;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Cluster.Tests.Faults;

/// <summary>
/// A cluster under load for a long time: phases of one fault each, judged at their ends; watchers and leases live through all of them.
/// Not thread-safe.
/// </summary>
internal sealed class FaultSession : IAsyncDisposable
{
    private const int Clients = 6;
    private readonly Random _random;
    private readonly HistoryJudge _judge = new();
    private readonly List<EventWatcher> _watchers = [];
    private readonly List<LeaseHolder> _holders = [];
    private long _judged;
    private int _phase;

    public FaultSession(ProcessCluster cluster, int seed)
    {
        Cluster = cluster;
        _random = new Random(seed);
        Endpoints = new Endpoints(cluster.Members.Select(static member => member.Server.ClientUrl));
        for (int i = 0; i < 2; i++)
            _watchers.Add(new EventWatcher($"w{i}", i, Endpoints));
        for (int i = 0; i < 3; i++)
            _holders.Add(new LeaseHolder(i, _random.Next(), Endpoints));
        _watchers.ForEach(static watcher => watcher.Start());
        _holders.ForEach(static holder => holder.Start());
    }

    /// <summary>The cluster.</summary>
    public ProcessCluster Cluster { get; }

    /// <summary>Where the clients go.</summary>
    public Endpoints Endpoints { get; }

    /// <summary>Operations that were judged.</summary>
    public long Operations { get; private set; }

    /// <summary>Leases that ended as they must, and renewals before.</summary>
    public (int Ended, int Renewals) Leases => (_holders.Sum(static holder => holder.Ended), _holders.Sum(static holder => holder.Renewals));

    /// <summary>
    /// One phase: clients begin, the fault happens and ends, the cluster becomes healthy, clients go on and stop, everything is judged.
    /// Gives one line about it.
    /// </summary>
    public async Task<string> RunPhaseAsync(string name, Func<LoadProgress, Random, Task> fault)
    {
        int phase = ++_phase;
        ulong term = await TermAsync();
        var (registers, progress) = (new Registers(phase), new LoadProgress());
        using var stop = new CancellationTokenSource();
        RegisterClient[] clients = [.. Enumerable.Range(0, Clients).Select(i => new RegisterClient($"p{phase}c{i}", _random.Next(), Endpoints, registers, progress))];
        Task[] running = [.. clients.Select(client => client.RunAsync(stop.Token))];
        try
        {
            await progress.MoreWritesAsync(10);
            await fault(progress, _random);
            await Cluster.HealthyAsync();
            await progress.MoreWritesAsync(10);
        }
        finally
        {
            await stop.CancelAsync();
            await Task.WhenAll(running).WaitAsync(TimeSpan.FromSeconds(60));
            Array.ForEach(clients, static client => client.Dispose());
        }

        List<ClientOperation> operations = [.. clients.SelectMany(static client => client.Operations)];
        await JudgeAsync(operations);
        int open = operations.Count(static operation => operation.Register.IsUnknown);
        return $"{name}: {progress.Writes} writes, {progress.Reads} reads, {open} without an answer, no write for {progress.LongestGap.TotalMilliseconds:0} ms at most, {await TermAsync() - term} terms";
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (EventWatcher watcher in _watchers)
            await watcher.DisposeAsync();
        foreach (LeaseHolder holder in _holders)
            await holder.DisposeAsync();
    }

    private async Task<ulong> TermAsync() => (await Cluster.AskAnyAsync(static client => client.StatusAsync())).RaftTerm;

    private async Task JudgeAsync(List<ClientOperation> operations)
    {
        // A register of the test's own ends the phase: what comes after it belongs to the next one.
        long value = Registers.NextValue();
        string key = $"{Registers.Prefix}end/{_phase}/{value}";
        var end = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8($"{value}") };
        long last = (await Cluster.AskAnyAsync(client => PutOnceAsync(client, end))).Kvs[0].ModRevision;
        List<StoreEvent> truth = await TruthAsync(last);
        List<StoreEvent> registers = [.. truth.Where(change => change.Key != key)];
        _judge.Judge(operations, registers);
        foreach (EventWatcher watcher in _watchers)
            await watcher.CatchUpAsync(last, truth);
        foreach (LeaseHolder holder in _holders)
            await holder.CheckAsync();
        await CompareHashesAsync(last);
        Operations += operations.Count;
        _judged = last;
        // What was judged may go; a member that was away for long then has to be brought up by other means than single events.
        if (_phase % 3 == 0)
            await Cluster.AskAnyAsync(client => CompactAsync(client, last));
    }

    /// <summary>Tried again without harm: it puts only when the key is not there.</summary>
    private static async Task<GrpcReply<RangeResponse>> PutOnceAsync(EtcdClient client, PutRequest put)
    {
        var txn = new TxnRequest();
        txn.Compare.Add(new Compare { Key = put.Key, Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Equal, CreateRevision = 0 });
        txn.Success.Add(new RequestOp { RequestPut = put });
        var done = await client.TxnAsync(txn);
        return done.Status == Protocol.GrpcStatus.OK
            ? await client.RangeAsync(new RangeRequest { Key = put.Key })
            : new GrpcReply<RangeResponse>(done.Status, done.Message, null);
    }

    private static async Task<GrpcReply<CompactionResponse>> CompactAsync(EtcdClient client, long revision)
    {
        var reply = await client.CompactAsync(new CompactionRequest { Revision = revision });
        // An earlier attempt did it without telling.
        return reply.Message.Contains("required revision has been compacted", StringComparison.Ordinal)
            ? new GrpcReply<CompactionResponse>(Protocol.GrpcStatus.OK, "", new CompactionResponse())
            : reply;
    }

    /// <summary>The events since the last phase, the same from every member.</summary>
    private async Task<List<StoreEvent>> TruthAsync(long last)
    {
        List<StoreEvent>? truth = null;
        foreach (ClusterMember member in Cluster.Members)
        {
            List<StoreEvent> events = await EventWatcher.ReadAsync(member.Server.ClientUrl, _judged + 1, last);
            truth ??= events;
            if (!truth.SequenceEqual(events))
                throw new HistoryException($"{member} has another history than {Cluster.Members[0]} between revisions {_judged + 1} and {last}");
        }

        return truth!;
    }

    private async Task CompareHashesAsync(long revision)
    {
        string hashes = "";
        try
        {
            await Deadline.UntilAsync(AreEqualAsync, TimeSpan.FromSeconds(60));
        }
        catch (TimeoutException)
        {
            throw new HistoryException($"the members differ at revision {revision}: {hashes}");
        }

        // A compaction may be done here and not there yet; then there is nothing to compare.
        async Task<bool> AreEqualAsync()
        {
            var answers = new List<HashKVResponse>();
            foreach (ClusterMember member in Cluster.Members)
            {
                using var client = new EtcdClient(member.Server.ClientUrl);
                answers.Add((await client.HashKvAsync(revision)).Answer);
            }

            hashes = string.Join("; ", answers);
            return answers.Select(static answer => (answer.Hash, answer.CompactRevision)).Distinct().Count() == 1;
        }
    }
}
