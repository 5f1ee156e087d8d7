using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Semantics;

/// <summary>Ranges that are much larger than what a server should hold for them.</summary>
public sealed class LargeRangeTests(LargeRangeTests.Fixture fixture, ITestOutputHelper output) : IClassFixture<LargeRangeTests.Fixture>
{
    private const int Keys = 60_000;
    private const int ValueBytes = 512;
    private static readonly RangeRequest _all = new() { Key = Text("key"), RangeEnd = Text("kez") };

    [Fact]
    public async Task A_large_range_is_whole_and_costs_little_memory()
    {
        const int AtATime = 4;
        await CheckAsync(_all); // what the first call of all costs is not meant
        long before = PeakBytes();
        await Task.WhenAll(Enumerable.Range(0, AtATime).Select(_ => CheckAsync(_all)));
        long grown = PeakBytes() - before;
        output.WriteLine($"{AtATime} ranges of {Keys * (ValueBytes + 40) >> 20} MiB each: {grown >> 20} MiB");
        if (fixture.Server.Target.IsEtcdNet)
            Assert.InRange(grown, 0, 64 << 20);
    }

    [Fact]
    public async Task Limits_and_orders_are_kept()
    {
        const int Limit = 20_000;
        RangeRequest limited = _all.Clone();
        limited.Limit = Limit;
        RangeResponse first = (await fixture.Client.RangeAsync(limited)).Answer;
        Assert.Equal((Limit, true, Keys), (first.Kvs.Count, first.More, first.Count));
        Assert.Equal("key019999", first.Kvs[^1].Key.ToStringUtf8());

        RangeRequest descending = limited.Clone();
        descending.SortOrder = RangeRequest.Types.SortOrder.Descend;
        RangeResponse last = (await fixture.Client.RangeAsync(descending)).Answer;
        Assert.Equal(("key059999", "key040000"), (last.Kvs[0].Key.ToStringUtf8(), last.Kvs[^1].Key.ToStringUtf8()));
    }

    [Fact]
    public async Task A_client_that_does_not_read_holds_nobody_up_and_its_leaving_frees_the_past()
    {
        RangeRequest old = _all.Clone();
        old.Revision = fixture.FirstRevision;
        old.KeysOnly = true;
        RangeResponse then = (await fixture.Client.RangeAsync(old)).Answer;
        Assert.Equal((Fixture.KeysPerTxn, false), (then.Kvs.Count, then.More));
        Assert.All(then.Kvs, static pair => Assert.Empty(pair.Value));

        using (GrpcByteStream stuck = fixture.Client.Grpc.OpenBytes("/etcdserverpb.KV/Range"))
        {
            stuck.Send(GrpcFrames.Encode(_all));
            stuck.CompleteRequests();
            for (int i = 0; i < 100; i++)
                Assert.Equal(GrpcStatus.OK, (await fixture.Client.PutAsync("other", $"{i}")).Status);
            Assert.Equal(1, (await fixture.Client.RangeAsync("key000000")).Answer.Count);
        }
        PutResponse put = (await fixture.Client.PutAsync("other", "last")).Answer;
        var compaction = new CompactionRequest { Revision = put.Header.Revision, Physical = true };
        Assert.Equal(GrpcStatus.OK, (await fixture.Client.CompactAsync(compaction)).Status);
    }

    private async Task CheckAsync(RangeRequest request)
    {
        GrpcReply<byte[]> reply = await fixture.Client.Grpc.CallBytesAsync("/etcdserverpb.KV/Range", GrpcFrames.Encode(request));
        Assert.Equal(GrpcStatus.OK, reply.Status);
        RangeResponse answer = RangeResponse.Parser.ParseFrom(reply.Value);
        Assert.Equal((Keys, Keys, false), (answer.Count, answer.Kvs.Count, answer.More));
        Assert.NotEqual(0ul, answer.Header.MemberId);
        for (int i = 0; i < Keys; i++)
        {
            KeyValue pair = answer.Kvs[i];
            Assert.True(pair.Key == Key(i) && pair.Value.Length == ValueBytes && pair.Value[0] == (byte)i, $"pair {i} is {pair}");
        }
    }

    private long PeakBytes()
    {
        string line = File.ReadLines($"/proc/{fixture.Server.Id}/status").First(static line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }

    private static ByteString Key(int number) => Text($"key{number:d6}");

    private static ByteString Text(string text) => ByteString.CopyFromUtf8(text);

    /// <summary>A server with the keys.</summary>
    public sealed class Fixture : IAsyncLifetime, IDisposable
    {
        public const int KeysPerTxn = 120;
        private ServerProcess? _server;
        private EtcdClient? _client;

        public ServerProcess Server => _server!;

        public EtcdClient Client => _client!;

        /// <summary>Revision of the first transaction.</summary>
        public long FirstRevision { get; private set; }

        public async Task InitializeAsync()
        {
            _server = await ServerProcess.StartAsync();
            _client = new EtcdClient(_server.ClientUrl);
            for (int first = 0; first < Keys; first += KeysPerTxn)
            {
                var txn = new TxnRequest();
                txn.Success.Add(Enumerable.Range(first, KeysPerTxn).Select(static i => new RequestOp
                {
                    RequestPut = new PutRequest { Key = Key(i), Value = UnsafeByteOperations.UnsafeWrap(ValueOf(i)) },
                }));
                long revision = (await _client.TxnAsync(txn)).Answer.Header.Revision;
                FirstRevision = first == 0 ? revision : FirstRevision;
            }
        }

        public async Task DisposeAsync() => await Server.DisposeAsync();

        public void Dispose() => _client?.Dispose();

        private static byte[] ValueOf(int number)
        {
            byte[] value = new byte[ValueBytes];
            value.AsSpan().Fill((byte)number);
            return value;
        }
    }
}
