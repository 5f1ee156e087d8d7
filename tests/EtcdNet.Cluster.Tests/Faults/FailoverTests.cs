using System.Diagnostics;
using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Cluster.Tests.Faults;

/// <summary>How long nobody can write after the process of the leader has died. The timeouts are the default ones.</summary>
public sealed class FailoverTests(ITestOutputHelper output)
{
    private const int Rounds = 10;

    /// <summary>The aim is 300 ms on an idle machine; a build machine is not idle. etcd waits for its election timeout: more than a second.</summary>
    private static readonly TimeSpan _medianLimit = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task After_the_death_of_the_leader_another_takes_writes_at_once()
    {
        await using ProcessCluster cluster = await ProcessCluster.OnLoopbackAsync(3);
        var times = new List<TimeSpan>();
        ulong before = await TermAsync(cluster);
        try
        {
            for (int round = 0; round < Rounds; round++)
            {
                ClusterMember leader = await cluster.LeaderAsync();
                times.Add(await FailOverAsync([.. cluster.Members.Where(member => member != leader)], leader, round));
                await leader.Server.WaitForExitAsync();
                await leader.Server.StartAsync();
                await cluster.HealthyAsync();
            }

            for (int round = 0; round < Rounds; round++)
            {
                string key = Key(round);
                Assert.Equal("acknowledged", (await cluster.AskAnyAsync(client => client.RangeAsync(key))).Kvs.Single().Value.ToStringUtf8());
            }
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"{error.Message}\nlogs: {cluster.KeepLogs("failover")}", error);
        }

        ulong after = await TermAsync(cluster);
        TimeSpan median = times.Order().ElementAt(Rounds / 2);
        output.WriteLine($"first write after {string.Join(", ", times.Select(static time => $"{time.TotalMilliseconds:0}"))} ms; median {median.TotalMilliseconds:0} ms; {after - before} elections");
        Assert.True(median <= _medianLimit || !ServerTarget.UnderTest.IsEtcdNet, $"median {median}");
    }

    /// <summary>A put every 20 ms, at the two that live in turns; the first that is acknowledged counts.</summary>
    private static async Task<TimeSpan> FailOverAsync(ClusterMember[] living, ClusterMember leader, int round)
    {
        EtcdClient[] clients = [.. living.Select(static member => new EtcdClient(member.Server.ClientUrl))];
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            // The connections are there before.
            foreach (EtcdClient client in clients)
                _ = (await client.PutAsync("before", "1")).Answer;
            var put = new PutRequest { Key = ByteString.CopyFromUtf8(Key(round)), Value = ByteString.CopyFromUtf8("acknowledged") };
            var done = new TaskCompletionSource<long>(TaskCreationOptions.RunContinuationsAsynchronously);
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            leader.Server.SendKill();
            long killed = Stopwatch.GetTimestamp();
            var attempts = new List<Task>();
            for (int turn = 0; !done.Task.IsCompleted; turn++)
            {
                attempts.Add(TryAsync(clients[turn % clients.Length], put, done, limit.Token));
                limit.Token.ThrowIfCancellationRequested();
                await timer.WaitForNextTickAsync(limit.Token);
            }

            await limit.CancelAsync();
            await Task.WhenAll(attempts);
            return Stopwatch.GetElapsedTime(killed, await done.Task);
        }
        finally
        {
            Array.ForEach(clients, static client => client.Dispose());
        }
    }

    private static async Task TryAsync(EtcdClient client, PutRequest put, TaskCompletionSource<long> done, CancellationToken cancellation)
    {
        try
        {
            if ((await client.PutAsync(put, cancellation)).Status == GrpcStatus.OK)
                done.TrySetResult(Stopwatch.GetTimestamp());
        }
        catch (Exception error) when (CallFailure.IsBroken(error))
        {
            // The next attempt is on its way.
        }
    }

    private static async Task<ulong> TermAsync(ProcessCluster cluster)
    {
        StatusResponse status = await cluster.AskAnyAsync(static client => client.StatusAsync());
        return status.RaftTerm;
    }

    private static string Key(int round) => string.Create(CultureInfo.InvariantCulture, $"failover/{round}");
}
