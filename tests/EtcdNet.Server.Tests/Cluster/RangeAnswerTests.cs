using System.Buffers;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Cluster;

/// <summary>The answers to ranges that are made while they are sent, on a whole member.</summary>
public sealed class RangeAnswerTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly ClusterWorld _world = new(1);

    private KvService Kv => _world[1].Services.Kv;

    public Task InitializeAsync() => _world.StartAllAsync();

    Task IAsyncLifetime.DisposeAsync() => Task.CompletedTask;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Theory]
    [InlineData(20, 100, false)]
    [InlineData(200, 0, true)]
    [InlineData(400, 1000, true)]
    [InlineData(900, 3000, true)]
    public async Task An_answer_is_the_same_as_a_message(int keys, int valueBytes, bool isEncoded)
    {
        await FillAsync(keys, valueBytes, 1);
        RangeResponse expected = await Kv.RangeAsync(All(), new CallContext());
        (RangeResponse? message, IEncodedAnswer? encoded) = await Kv.AnswerRangeAsync(All(), new CallContext());
        Assert.Equal(isEncoded, encoded is not null);
        Assert.Equal(expected, message ?? Read(encoded!));
        Assert.Equal(long.MaxValue, _world[1].Machine.Store.Pins.Oldest);
    }

    [Fact]
    public async Task An_answer_that_is_being_sent_does_not_change_under_writes_and_compactions()
    {
        await FillAsync(900, 3000, 1);
        RangeResponse expected = await Kv.RangeAsync(All(), new CallContext());
        (_, IEncodedAnswer? encoded) = await Kv.AnswerRangeAsync(All(), new CallContext());
        var sent = new ArrayBufferWriter<byte>();
        for (int i = 0; i < 5; i++)
            Assert.True(encoded!.WriteNext(sent));
        await FillAsync(900, 10, 2);
        DeleteRangeResponse deleted = await Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Text("k"), RangeEnd = Text("l") }, new CallContext());
        var compaction = new CompactionRequest { Revision = deleted.Header.Revision, Physical = true };
        Task<CompactionResponse> compacting = Kv.CompactAsync(compaction, new CallContext()).AsTask();
        await Deadline.UntilAsync(() => _world[1].Machine.Store.CompactRevision == compaction.Revision, "the compaction");
        Assert.Equal(expected, Read(encoded!, sent));
        await compacting.WaitAsync(Deadline.Limit);
        Assert.Equal(0, (await Kv.RangeAsync(All(), new CallContext())).Count);
    }

    [Fact]
    public async Task A_stream_of_messages_adds_up_to_the_answer()
    {
        await FillAsync(900, 3000, 1);
        foreach (long limit in new long[] { 0, 5, 10, 700, 900, 2000 })
        {
            RangeRequest request = All();
            request.Limit = limit;
            RangeResponse expected = await Kv.RangeAsync(request, new CallContext());
            List<RangeResponse> parts = await StreamAsync(request);
            Assert.All(parts.SkipLast(1), static part => Assert.True(part.Header is null && part.Count == 0 && part.Kvs.Count > 0));
            Assert.Equal(Math.Min(10, expected.Kvs.Count), parts[0].Kvs.Count);
            KeyValue[] pairs = [.. parts.SelectMany(static part => part.Kvs)];
            RangeResponse last = parts[^1];
            last.Kvs.Clear();
            last.Kvs.AddRange(pairs);
            Assert.Equal(expected, last);
        }
    }

    [Fact]
    public async Task A_stream_of_nothing_or_of_a_count_is_one_message()
    {
        await FillAsync(50, 1, 1);
        RangeRequest nothing = new() { Key = Text("x"), RangeEnd = Text("y") };
        Assert.Equal(await Kv.RangeAsync(nothing, new CallContext()), Assert.Single(await StreamAsync(nothing)));
        RangeRequest count = All();
        count.CountOnly = true;
        Assert.Equal(50, Assert.Single(await StreamAsync(count)).Count);
    }

    [Fact]
    public async Task A_stream_has_its_own_refusals()
    {
        RangeRequest sorted = All();
        sorted.SortOrder = RangeRequest.Types.SortOrder.Descend;
        sorted.MinModRevision = 1;
        await RefusedAsync(sorted, GrpcStatus.Unimplemented, "RangeStream does not support custom sort orders");
        RangeRequest filtered = All();
        filtered.MaxCreateRevision = 1;
        await RefusedAsync(filtered, GrpcStatus.Unimplemented, "RangeStream does not support revision filters");
        await RefusedAsync(new RangeRequest(), GrpcStatus.InvalidArgument, EtcdError.EmptyKey.Message);
        RangeRequest future = All();
        future.Revision = 1000;
        await RefusedAsync(future, GrpcStatus.OutOfRange, EtcdError.FutureRev.Message);
    }

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);

    private static RangeRequest All() => new() { Key = Text("k"), RangeEnd = Text("l") };

    private static RangeResponse Read(IEncodedAnswer answer, ArrayBufferWriter<byte>? sent = null)
    {
        sent ??= new ArrayBufferWriter<byte>();
        using (answer)
        {
            while (answer.WriteNext(sent))
            {
            }
            Assert.Equal(answer.Size, sent.WrittenCount);
        }
        return RangeResponse.Parser.ParseFrom(sent.WrittenSpan);
    }

    private async Task RefusedAsync(RangeRequest request, GrpcStatus code, string text)
    {
        EtcdException refused = await Assert.ThrowsAsync<EtcdException>(() => StreamAsync(request));
        Assert.Equal((code, text), (refused.Code, refused.Message));
    }

    private async Task<List<RangeResponse>> StreamAsync(RangeRequest request)
    {
        var responses = new FakeResponses<RangeStreamResponse>();
        await Kv.RangeStreamAsync(request, responses, new CallContext());
        List<RangeResponse> parts = [];
        while (responses.TryNext(out RangeStreamResponse? part))
            parts.Add(part!.RangeResponse);
        return parts;
    }

    private async Task FillAsync(int keys, int valueBytes, byte fill)
    {
        byte[] value = new byte[valueBytes];
        value.AsSpan().Fill(fill);
        for (int first = 0; first < keys; first += 100)
        {
            var txn = new TxnRequest();
            for (int i = first; i < Math.Min(first + 100, keys); i++)
                txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = Text($"k{i:d4}"), Value = ByteString.CopyFrom(value) } });
            await Kv.TxnAsync(txn, new CallContext());
        }
    }
}
