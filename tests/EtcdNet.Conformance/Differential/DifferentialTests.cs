using System.Globalization;
using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using EtcdNet.Testing;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The same random requests, one after the other, to a real etcd and to the server under test: every answer and refusal, every event of every watcher, and
/// the hash of the history now and then are compared. Environment: ETCDNET_DIFFERENTIAL_REQUESTS (default 20,000), ETCDNET_SEED.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private readonly Dictionary<string, int> _outcomes = [];

    [Fact]
    public async Task Random_requests_get_the_answers_of_etcd()
    {
        var count = TestSeed.Setting("ETCDNET_DIFFERENTIAL_REQUESTS", 20_000);
        var seed = TestSeed.Next();
        await using var oracle = await StartAsync(ServerTarget.Oracle);
        await using var tested = await StartAsync(ServerTarget.UnderTest);
        output.WriteLine($"seed {seed}, {count} requests, {tested.Target.Name} against {oracle.Target.Name}");
        using var left = new EtcdClient(oracle.ClientUrl);
        using var right = new EtcdClient(tested.ClientUrl);
        using var watches = new WatchPair(left, right, progressIsExact: oracle.Target.AtLeast(3, 5) && tested.Target.AtLeast(3, 5));
        await watches.StartAsync();
        using var leftAlive = left.KeepAlive();
        using var rightAlive = right.KeepAlive();
        var generator = new RequestGenerator(new Random(seed));
        for (var i = 0; i < count; i++)
        {
            (string path, IMessage request) = generator.Next();
            try
            {
                if (request is WatchRequest watch)
                    await watches.SendAsync(watch, generator.Revision, generator.Compacted);
                else if (request is LeaseKeepAliveRequest alive)
                    await CompareAsync(leftAlive, rightAlive, alive);
                else
                    await CompareAsync(left.Grpc, right.Grpc, path, request, generator, watches);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"seed {seed}, request {i}: {path} {Shown(request)}: {e.Message}", e);
            }
        }

        await watches.EndAsync(generator.Revision);
        await CompareFragmentsAsync(left, right, watches, generator);
        await CompareHashesAsync(left, right, generator, $"seed {seed}");
        Report(watches, generator);
        Assert.True(generator.Revision > count / 4, $"{count} requests made only {generator.Revision} revisions");
        Assert.True(watches.Events > count / 4, $"{count} requests showed only {watches.Events} events to watchers");
    }

    // It is about answers, not about crashes: both servers are spared the syncs.
    private static Task<ServerProcess> StartAsync(ServerTarget target) =>
        target.IsEtcdNet || target.AtLeast(3, 5) ? ServerProcess.StartAsync(target, null, "--unsafe-no-fsync") : ServerProcess.StartAsync(target);

    private async Task CompareAsync(
        GrpcTestClient left, GrpcTestClient right, string path, IMessage request, RequestGenerator generator, WatchPair watches)
    {
        if (request is CompactionRequest)
            await SettleAsync(left, right, generator, watches);
        var frame = GrpcFrames.Encode(request);
        GrpcReply<byte[]>[] replies = await Task.WhenAll(left.CallBytesAsync(path, frame), right.CallBytesAsync(path, frame));
        var (expected, answered) = (Normal.Answer(request, replies[0]), Normal.Answer(request, replies[1]));
        bool same = (replies[0].Status, replies[0].Message) == (replies[1].Status, replies[1].Message) && Equals(expected, answered);
        Assert.True(same, $"\n  etcd:   {Normal.Text(replies[0], expected)}\n  tested: {Normal.Text(replies[1], answered)}");
        Count($"{path.Split('/')[^1]} {(expected is null ? replies[0].Message : "OK")}");
        if (expected is null)
            return;
        generator.Revision = Math.Max(generator.Revision, Normal.HeaderOf(expected).Revision);
        if (request is CompactionRequest compaction)
        {
            generator.Compacted = compaction.Revision;
            watches.Compact(compaction.Revision);
        }
    }

    // A watcher that still reads the past may be cancelled by a compaction or not. And one that waits for a later start keeps progress from being told.
    private static async Task SettleAsync(GrpcTestClient left, GrpcTestClient right, RequestGenerator generator, WatchPair watches)
    {
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("later") };
        for (; generator.Revision < watches.HighestStart; generator.Revision++)
            await Task.WhenAll(left.CallAsync<PutResponse>("/etcdserverpb.KV/Put", put), right.CallAsync<PutResponse>("/etcdserverpb.KV/Put", put));
        await watches.SettleAsync(generator.Revision);
    }

    private async Task CompareAsync(
        GrpcStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse> left,
        GrpcStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse> right,
        LeaseKeepAliveRequest request)
    {
        left.Send(request);
        right.Send(request);
        var (expected, answered) = (await left.NextAsync(TimeSpan.FromSeconds(60)), await right.NextAsync(TimeSpan.FromSeconds(60)));
        Normal.Clear(expected.Header);
        Normal.Clear(answered.Header);
        Assert.True(expected.Equals(answered), $"\n  etcd:   {ReadableJson.Format(expected)}\n  tested: {ReadableJson.Format(answered)}");
        Count($"LeaseKeepAlive {(expected.TTL > 0 ? "OK" : "gone")}");
    }

    // A history that is too large for one message, to watchers that want it in parts and to one that does not.
    private static async Task CompareFragmentsAsync(EtcdClient left, EtcdClient right, WatchPair watches, RequestGenerator generator)
    {
        long start = generator.Revision + 1;
        for (var i = 0; i < 4; i++)
        {
            var txn = new TxnRequest();
            txn.Success.Add(Enumerable.Range(0, 14).Select(key => new RequestOp
            {
                RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"large{key}"), Value = ByteString.CopyFrom(new byte[100_000]) },
            }));
            TxnResponse[] answers = [(await left.TxnAsync(txn)).Answer, (await right.TxnAsync(txn)).Answer];
            generator.Revision++;
            Assert.All(answers, answer => Assert.Equal(generator.Revision, answer.Header.Revision));
        }

        for (var id = 1; id <= 3; id++)
        {
            var create = new WatchCreateRequest
            {
                Key = ByteString.CopyFromUtf8("l"), RangeEnd = ByteString.CopyFromUtf8("m"), WatchId = id, Fragment = id != 2, PrevKv = id != 1, StartRevision = start,
            };
            await watches.SendAsync(new WatchRequest { CreateRequest = create }, generator.Revision, generator.Compacted);
        }

        await watches.EndAsync(generator.Revision);
        Assert.True(watches.Fragments > 0, "nothing was sent in parts");
    }

    private static async Task CompareHashesAsync(EtcdClient left, EtcdClient right, RequestGenerator generator, string where)
    {
        for (var revision = generator.Compacted + 1; revision <= generator.Revision; revision += 1 + (generator.Revision - generator.Compacted) / 20)
        {
            var (expected, answered) = ((await left.HashKvAsync(revision)).Answer, (await right.HashKvAsync(revision)).Answer);
            Assert.True(
                (expected.Hash, expected.CompactRevision) == (answered.Hash, answered.CompactRevision),
                $"{where}: hash of revision {revision}: etcd {expected}, tested {answered}");
        }
    }

    private void Count(string outcome) => _outcomes[outcome] = _outcomes.GetValueOrDefault(outcome) + 1;

    private void Report(WatchPair watches, RequestGenerator generator)
    {
        output.WriteLine($"revision {generator.Revision}, compacted {generator.Compacted}, {watches.Created} watchers, {watches.Events} events");
        foreach ((string outcome, int times) in _outcomes.OrderBy(static one => one.Key, StringComparer.Ordinal))
            output.WriteLine($"{times,6} {outcome}");
    }

    private static string Shown(IMessage request)
    {
        string text = ReadableJson.Format(request);
        return text.Length <= 2000 ? text : $"{text[..2000]}… ({text.Length} characters)";
    }
}
