using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Garbage;

/// <summary>
/// Connections that send nonsense to both ports, many at a time, while an honest client in a process of its own writes. ETCDNET_GARBAGE_SECONDS makes it
/// longer than the 15 s of a build.
/// </summary>
public sealed class GarbageTests(ITestOutputHelper output)
{
    private const int Attackers = 4;
    private const int LeftOpenMax = 50;
    private const long ResidentBytesMax = 1L << 30;

    // An honest put takes milliseconds. On a machine that is busy with other things it may take long, but never this long.
    private static readonly TimeSpan _putLimit = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    private static readonly ByteString _honest = ByteString.CopyFromUtf8("honest");

    private readonly int _seed = TestSeed.Next();
    private long _connections;

    [Fact]
    public async Task An_honest_client_is_served_while_others_send_garbage()
    {
        var seconds = int.Parse(Environment.GetEnvironmentVariable("ETCDNET_GARBAGE_SECONDS") ?? "15", CultureInfo.InvariantCulture);
        output.WriteLine($"seed {_seed}");
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet);
        using var end = new CancellationTokenSource(TimeSpan.FromSeconds(seconds));
        var ports = new[] { server.ClientUrl.Port, new Uri(server.PeerUrl).Port };
        var attacks = Enumerable.Range(0, Attackers).Select(i => AttackAsync(ports, new Random(_seed + i), end.Token)).ToArray();
        var writer = SteadyWriter.Start(server.ClientUrl, "/etcdserverpb.KV/Put", new PutRequest { Key = _honest, Value = _honest }, int.MaxValue);
        await using (writer)
        {
            await Task.WhenAll(attacks);
            double[] times = await writer.StopAsync();
            output.WriteLine($"{_connections} connections; {times.Length} puts: median {times[times.Length / 2]:0.0} ms, 99 % {times[times.Length * 99 / 100]:0.0} ms, "
                + $"longest {times[^1]:0.0} ms; over 100 ms: {times.Count(time => time > 100)}");
            output.WriteLine(await DiskAsync(server));
            Assert.InRange(times[^1], 0, _putLimit.TotalMilliseconds);
            await AssertWrittenAsync(server, times.Length);
        }

        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        await Deadline.UntilAsync(async () => (await http.GetStringAsync("/metrics"))
            .Contains("\netcd_debugging_mvcc_watch_stream_total 0\n", StringComparison.Ordinal), _limit);
        using var process = Process.GetProcessById(server.Id);
        output.WriteLine($"resident {process.WorkingSet64 >> 20} MiB");
        Assert.InRange(process.WorkingSet64, 0, ResidentBytesMax);
        var alarming = server.Log.Split('\n').FirstOrDefault(line => line.Contains("\"level\":\"fatal\"", StringComparison.Ordinal)
            || line.Contains("\"handler failed\"", StringComparison.Ordinal));
        Assert.True(alarming is null, $"seed {_seed}: {alarming}");
        Assert.Equal(0, await server.TerminateAsync());
    }

    /// <summary>What the disk did meanwhile, since a put waits for it: how many syncs took longer than which time.</summary>
    private static async Task<string> DiskAsync(ServerProcess server)
    {
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        string[] lines = (await http.GetStringAsync("/metrics")).Split('\n');
        return string.Join("; ", lines.Where(static line =>
            line.StartsWith("etcd_disk_wal_fsync_duration_seconds_count", StringComparison.Ordinal)
            || (line.StartsWith("etcd_disk_wal_fsync_duration_seconds_bucket", StringComparison.Ordinal) && line.Contains("0.064", StringComparison.Ordinal))));
    }

    /// <summary>Each put that was answered has made a version; the one that was under way at the end may have made another.</summary>
    private async Task AssertWrittenAsync(ServerProcess server, int answered)
    {
        using var client = new EtcdClient(server.ClientUrl);
        RangeResponse found = (await client.RangeAsync(new RangeRequest { Key = _honest }).WaitAsync(_limit)).Answer;
        long versions = found.Kvs.Count == 0 ? 0 : found.Kvs[0].Version;
        Assert.True(versions >= answered && versions <= answered + 2, $"seed {_seed}: {answered} puts were answered, {versions} were made\n{server.Log}");
    }

    private async Task AttackAsync(int[] ports, Random random, CancellationToken end)
    {
        var garbage = new GarbageMaker(random);
        var leftOpen = new Queue<TcpClient>();
        var buffer = new byte[4096];
        while (!end.IsCancellationRequested)
        {
            var socket = new TcpClient();
            leftOpen.Enqueue(socket);
            Interlocked.Increment(ref _connections);
            try
            {
                await socket.ConnectAsync("127.0.0.1", ports[random.Next(4) == 0 ? 1 : 0], CancellationToken.None);
                await socket.GetStream().WriteAsync(garbage.Next(), CancellationToken.None);
                if (random.Next(3) == 0)
                {
                    // Takes an answer when there is one soon.
                    using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));
                    await socket.Client.ReceiveAsync(buffer, soon.Token);
                }
            }
            catch (Exception error) when (error is IOException or SocketException or OperationCanceledException)
            {
                // The server has every right to hang up.
            }

            if (random.Next(2) == 0 || leftOpen.Count > LeftOpenMax)
                leftOpen.Dequeue().Dispose();
        }

        foreach (var socket in leftOpen)
            socket.Dispose();
    }
}
