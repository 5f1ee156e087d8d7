using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Semantics;

/// <summary>Watchers whose clients do not read while far more is written than a server should keep for them.</summary>
public sealed class SlowWatcherTests(ITestOutputHelper output)
{
    private const int Watchers = 20;
    private const int Puts = 2000;
    private const int ValueBytes = 50_000;
    private const int PutsAtATime = 4;
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Slow_watchers_cost_bounded_memory_and_lose_nothing()
    {
        await using ServerProcess server = await ServerProcess.StartAsync();
        using var client = new EtcdClient(server.ClientUrl);
        // The room that any such load takes once is not meant.
        await PutAsync(client, "before", Puts / 4);
        long before = PeakBytes(server);
        var streams = new List<GrpcStream<WatchRequest, WatchResponse>>();
        for (int i = 0; i < Watchers; i++)
        {
            streams.Add(client.Watch());
            streams[i].Send(new WatchRequest { CreateRequest = new WatchCreateRequest { Key = ByteString.CopyFromUtf8("slow") } });
            Assert.True((await streams[i].NextAsync()).Created);
        }

        await PutAsync(client, "slow", Puts);
        long grown = PeakBytes(server) - before;
        output.WriteLine($"{Watchers} watchers missed {(long)Puts * ValueBytes >> 20} MiB: {grown >> 20} MiB");
        if (server.Target.IsEtcdNet)
            Assert.InRange(grown, 0, 64 << 20);
        foreach (GrpcStream<WatchRequest, WatchResponse> stream in streams.Take(2))
            await ExpectAllAsync(stream);
        foreach (GrpcStream<WatchRequest, WatchResponse> stream in streams)
            stream.Dispose();
    }

    private static Task PutAsync(EtcdClient client, string key, int count)
    {
        int left = count;
        return Task.WhenAll(Enumerable.Range(0, PutsAtATime).Select(_ => WriteAsync()));

        async Task WriteAsync()
        {
            byte[] value = new byte[ValueBytes];
            while (Interlocked.Decrement(ref left) >= 0)
            {
                _ = (await client.PutAsync(new PutRequest
                {
                    Key = ByteString.CopyFromUtf8(key), Value = UnsafeByteOperations.UnsafeWrap(value),
                })).Answer;
            }
        }
    }

    private static async Task ExpectAllAsync(GrpcStream<WatchRequest, WatchResponse> stream)
    {
        long version = 0;
        while (version < Puts)
        {
            foreach (Event one in (await stream.NextAsync(_limit)).Events)
                Assert.Equal(++version, one.Kv.Version);
        }
    }

    private static long PeakBytes(ServerProcess server)
    {
        string line = File.ReadLines($"/proc/{server.Id}/status").First(static line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;
    }
}
