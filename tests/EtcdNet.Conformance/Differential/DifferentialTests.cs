using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The same random requests, one after the other, to a real etcd and to the server under test: every answer is compared, the hash of the history
/// now and then, and at the end what watchers saw. Environment: ETCDNET_DIFFERENTIAL_REQUESTS (default 6000), ETCDNET_SEED.
/// </summary>
public sealed class DifferentialTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Random_requests_get_the_answers_of_etcd()
    {
        var count = Setting("ETCDNET_DIFFERENTIAL_REQUESTS", 6000);
        var seed = Setting("ETCDNET_SEED", Environment.TickCount);
        await using var oracle = await ServerProcess.StartAsync(ServerTarget.Oracle);
        await using var tested = await ServerProcess.StartAsync();
        output.WriteLine($"seed {seed}, {count} requests, {tested.Target.Name} against {oracle.Target.Name}");
        using var left = new EtcdClient(oracle.ClientUrl);
        using var right = new EtcdClient(tested.ClientUrl);
        using var leftWatch = WatchEverything(left, from: 0, previous: false);
        using var rightWatch = WatchEverything(right, from: 0, previous: false);
        Assert.True((await leftWatch.NextAsync()).Created);
        Assert.True((await rightWatch.NextAsync()).Created);
        // Read all the time: a watcher whose client does not read falls behind, and a compaction then rightly cancels it.
        var last = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
        var (expected, answered) = (EventsAsync(leftWatch, last.Task), EventsAsync(rightWatch, last.Task));
        var generator = new RequestGenerator(new Random(seed));
        for (var i = 0; i < count; i++)
            await CompareNextAsync(left.Grpc, right.Grpc, generator, $"seed {seed}, request {i}");

        Assert.True(generator.Revision > count / 4, $"{count} requests made only {generator.Revision} revisions");
        // One more event, so that the readers wake up and see where the end is.
        last.SetResult(generator.Revision + 1);
        foreach (var client in new[] { left, right })
            Assert.Equal(generator.Revision + 1, (await client.PutAsync("end", "")).Answer.Header.Revision);
        Assert.Equal(await expected, await answered);
        await CompareHistoryAsync(left, right, generator.Compacted + 1, generator.Revision + 1);
        await CompareHashesAsync(left, right, generator, $"seed {seed}");
    }

    private static async Task CompareNextAsync(GrpcTestClient left, GrpcTestClient right, RequestGenerator generator, string where)
    {
        var (path, request) = generator.Next();
        var frame = GrpcFrames.Encode(request);
        GrpcReply<byte[]>[] replies;
        try
        {
            replies = await Task.WhenAll(left.CallBytesAsync(path, frame), right.CallBytesAsync(path, frame));
        }
        catch (HttpRequestException e)
        {
            throw new InvalidOperationException($"{where}: a server ended at {path} {Semantics.ReadableJson.Format(request)}", e);
        }

        var expected = Normal.Text(request, replies[0]);
        var answered = Normal.Text(request, replies[1]);
        Assert.True(expected == answered, $"{where}: {path} {Semantics.ReadableJson.Format(request)}\n  etcd:   {expected}\n  tested: {answered}");
        if (replies[0].Status != GrpcStatus.OK)
            return;
        // Every answer has its header in field 1.
        var revision = PutResponse.Parser.ParseFrom(replies[0].Value).Header.Revision;
        generator.Revision = Math.Max(generator.Revision, revision);
        if (request is CompactionRequest compaction)
            generator.Compacted = compaction.Revision;
    }

    private static async Task CompareHistoryAsync(EtcdClient left, EtcdClient right, long from, long to)
    {
        using var leftWatch = WatchEverything(left, from, previous: true);
        using var rightWatch = WatchEverything(right, from, previous: true);
        Assert.True((await leftWatch.NextAsync()).Created);
        Assert.True((await rightWatch.NextAsync()).Created);
        Assert.Equal(await EventsAsync(leftWatch, Task.FromResult(to)), await EventsAsync(rightWatch, Task.FromResult(to)));
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

    private static GrpcStream<WatchRequest, WatchResponse> WatchEverything(EtcdClient client, long from, bool previous)
    {
        var watch = client.Watch();
        var create = new WatchCreateRequest { Key = ByteString.CopyFrom(0), RangeEnd = ByteString.CopyFrom(0), StartRevision = from, PrevKv = previous };
        watch.Send(new WatchRequest { CreateRequest = create });
        return watch;
    }

    // The events up to a revision, in order; how they are spread over messages may differ.
    private static async Task<List<string>> EventsAsync(GrpcStream<WatchRequest, WatchResponse> watch, Task<long> to)
    {
        var events = new List<string>();
        var last = 0L;
        // The last revision may hold more than one event: all of a revision come in one message.
        while (!to.IsCompletedSuccessfully || last < await to)
        {
            var answer = await watch.NextAsync(TimeSpan.FromSeconds(60));
            Assert.False(answer.Canceled, answer.CancelReason);
            foreach (Event change in answer.Events)
            {
                last = change.Kv.ModRevision;
                events.Add(Semantics.ReadableJson.Format(change));
            }
        }

        return events;
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}
