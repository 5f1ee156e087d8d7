using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using EtcdNet.Protocol;
using EtcdNet.Testing;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Garbage;

/// <summary>
/// Connections that send nonsense to both ports, many at a time, while an honest client writes. ETCDNET_GARBAGE_SECONDS makes it
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
        var (times, failure) = await PutAsync(server, end.Token);
        await Task.WhenAll(attacks);

        times.Sort();
        output.WriteLine($"{_connections} connections; {times.Count} puts: median {times[times.Count / 2]:0.0} ms, 99 % {times[times.Count * 99 / 100]:0.0} ms, "
            + $"longest {times[^1]:0.0} ms; over 100 ms: {times.Count(time => time > 100)}");
        Assert.True(failure is null, $"seed {_seed}: {failure}\n{server.Log}");
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

    private async Task<(List<double> Milliseconds, string? Failure)> PutAsync(ServerProcess server, CancellationToken end)
    {
        var times = new List<double>();
        using var client = new EtcdClient(server.ClientUrl);
        while (!end.IsCancellationRequested)
        {
            var watch = Stopwatch.StartNew();
            try
            {
                var reply = await client.PutAsync("honest", times.Count.ToString(CultureInfo.InvariantCulture)).WaitAsync(_putLimit, CancellationToken.None);
                times.Add(watch.Elapsed.TotalMilliseconds);
                if (reply.Status != GrpcStatus.OK)
                    return (times, $"put {times.Count}: {reply.Status}");
            }
            catch (Exception error) when (error is HttpRequestException or TimeoutException)
            {
                times.Add(watch.Elapsed.TotalMilliseconds);
                return (times, $"put {times.Count}: {error}");
            }
        }

        return (times, null);
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
