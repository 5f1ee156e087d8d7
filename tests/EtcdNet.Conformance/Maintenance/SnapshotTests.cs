using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Maintenance;

/// <summary>Snapshots that etcd's tools save and check, and from which a real etcd goes on with the same data.</summary>
public sealed class SnapshotTests(ITestOutputHelper output) : IDisposable
{
    private static readonly ByteString s_all = ByteString.CopyFrom(0);
    private readonly TempDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_real_etcd_goes_on_from_a_snapshot()
    {
        await using var server = await ServerProcess.StartAsync();
        using var client = new EtcdClient(server.ClientUrl);
        var history = await FillAsync(client);
        string file = _directory.At("saved.db");
        await SnapshotTool.SaveAsync(server, file);
        Assert.Contains("sending database snapshot to client", server.Log, StringComparison.Ordinal);
        Assert.Contains("successfully sent database snapshot to client", server.Log, StringComparison.Ordinal);
        SnapshotStatus status = await SnapshotTool.StatusAsync(file);
        Assert.Equal(history.Last, status.Revision);
        Assert.InRange(status.TotalKeys, 3000, 20_000);

        await using var restored = await SnapshotTool.RestoreAsync(file, _directory.At("restored"));
        using var other = new EtcdClient(restored.ClientUrl);
        foreach (long revision in new[] { history.Compacted, history.Compacted + 1, (history.Compacted + history.Last) / 2, history.Last - 1, 0 })
        {
            RangeResponse expected = await ReadAllAsync(client, revision);
            Assert.Equal(expected.Kvs, (await ReadAllAsync(other, revision)).Kvs);
            // At a compaction a member answers with the hash from before it, until it is started again.
            if (revision != history.Compacted)
                Assert.Equal(await HashAsync(client, revision), await HashAsync(other, revision));
            Assert.True(expected.Kvs.Count > 500, $"only {expected.Kvs.Count} keys at revision {revision}");
        }
        var gone = new RangeRequest { Key = s_all, Revision = history.Compacted - 1 };
        Assert.Equal("etcdserver: mvcc: required revision has been compacted", (await other.RangeAsync(gone)).Message);
        Assert.Equal(await LeasesAsync(client), await LeasesAsync(other));

        // Both go on the same way.
        Assert.Equal(history.Last + 1, (await other.PutAsync("k1", "on")).Answer.Header.Revision);
        Assert.Equal(history.Last + 1, (await client.PutAsync("k1", "on")).Answer.Header.Revision);
        Assert.Equal(await HashAsync(client, 0), await HashAsync(other, 0));
        Assert.Equal(GrpcStatus.OK, (await other.CompactAsync(new CompactionRequest { Revision = history.Last + 1, Physical = true })).Status);
    }

    [Fact]
    public async Task Users_and_their_passwords_go_on_in_a_real_etcd()
    {
        await using var server = await ServerProcess.StartAsync(null, null, "--bcrypt-cost", "4");
        using var client = new EtcdClient(server.ClientUrl);
        await AskAsync<AuthUserAddResponse>(client, "UserAdd", new AuthUserAddRequest { Name = "root", Password = "secret" });
        await AskAsync<AuthRoleAddResponse>(client, "RoleAdd", new AuthRoleAddRequest { Name = "r" });
        var permission = new EtcdNet.Protocol.Authpb.Permission { Key = ByteString.CopyFromUtf8("k") };
        await AskAsync<AuthRoleGrantPermissionResponse>(client, "RoleGrantPermission", new AuthRoleGrantPermissionRequest { Name = "r", Perm = permission });
        foreach (string role in (string[])["r", "root"])
            await AskAsync<AuthUserGrantRoleResponse>(client, "UserGrantRole", new AuthUserGrantRoleRequest { User = "root", Role = role });
        string file = _directory.At("saved.db");
        await SnapshotTool.SaveAsync(server, file);
        await using var restored = await SnapshotTool.RestoreAsync(file, _directory.At("restored"));
        using var other = new EtcdClient(restored.ClientUrl);
        Assert.Equal(
            await AskAsync<AuthStatusResponse>(client, "AuthStatus", new AuthStatusRequest(), static answer => answer.Header = null),
            await AskAsync<AuthStatusResponse>(other, "AuthStatus", new AuthStatusRequest(), static answer => answer.Header = null));
        Assert.Equal(["r", "root"], (await AskAsync<AuthUserGetResponse>(other, "UserGet", new AuthUserGetRequest { Name = "root" })).Roles);
        Assert.Equal([permission], (await AskAsync<AuthRoleGetResponse>(other, "RoleGet", new AuthRoleGetRequest { Role = "r" })).Perm);
        await AskAsync<AuthEnableResponse>(other, "AuthEnable", new AuthEnableRequest());
        Assert.NotEmpty((await AskAsync<AuthenticateResponse>(other, "Authenticate", new AuthenticateRequest { Name = "root", Password = "secret" })).Token);
    }

    private static async Task<T> AskAsync<T>(EtcdClient client, string name, IMessage request, Action<T>? trim = null)
        where T : class, IMessage<T>, new()
    {
        T answer = (await client.Grpc.CallAsync<T>($"/etcdserverpb.Auth/{name}", request)).Answer;
        trim?.Invoke(answer);
        return answer;
    }

    [Fact]
    public async Task Snapshots_are_consistent_while_writes_go_on()
    {
        await using var server = await ServerProcess.StartAsync();
        using var client = new EtcdClient(server.ClientUrl);
        await FillAsync(client);
        using var stop = new CancellationTokenSource();
        Task<int>[] writers = [.. Enumerable.Range(0, 4).Select(writer => WriteAsync(client, writer, stop.Token))];
        string[] files = [.. Enumerable.Range(0, 3).Select(i => _directory.At($"saved{i}.db"))];
        foreach (string file in files)
            await SnapshotTool.SaveAsync(server, file);
        await stop.CancelAsync();
        Assert.All(await Task.WhenAll(writers), static count => Assert.True(count > 0));
        long before = 0;
        for (int i = 0; i < files.Length; i++)
        {
            SnapshotStatus status = await SnapshotTool.StatusAsync(files[i]);
            Assert.True(status.Revision > before, $"snapshot {i} of revision {status.Revision} was made after one of {before}");
            before = status.Revision;
            await using var restored = await SnapshotTool.RestoreAsync(files[i], _directory.At($"restored{i}"));
            using var other = new EtcdClient(restored.ClientUrl);
            HashKVResponse hash = (await other.HashKvAsync(0)).Answer;
            Assert.Equal(status.Revision, hash.HashRevision == 0 ? hash.Header.Revision : hash.HashRevision);
            Assert.Equal((await client.HashKvAsync(status.Revision)).Answer.Hash, hash.Hash);
        }
    }

    [Fact]
    public async Task A_client_that_breaks_off_leaves_nothing_behind()
    {
        await using var server = await ServerProcess.StartAsync();
        using var client = new EtcdClient(server.ClientUrl);
        await FillAsync(client);
        string[] files = Files(server);
        using (GrpcByteStream stream = client.Grpc.OpenBytes("/etcdserverpb.Maintenance/Snapshot"))
        {
            stream.Send(GrpcFrames.Encode(new SnapshotRequest()));
            stream.CompleteRequests();
            SnapshotResponse first = SnapshotResponse.Parser.ParseFrom((await stream.ReadAsync())!);
            Assert.Equal(32 << 10, first.Blob.Length);
            Assert.InRange(first.RemainingBytes, 8ul << 20, 1ul << 30);
        }
        PutResponse put = (await client.PutAsync("k1", "later")).Answer;
        // A real compaction waits for the snapshot's past.
        Assert.Equal(GrpcStatus.OK, (await client.CompactAsync(new CompactionRequest { Revision = put.Header.Revision, Physical = true })).Status);
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        await Deadline.UntilAsync(
            async () => (await http.GetStringAsync("/metrics")).Contains("etcd_disk_backend_snapshot_duration_seconds_count 1", StringComparison.Ordinal), TimeSpan.FromSeconds(10));
        Assert.Equal(files, Files(server));
        Assert.DoesNotContain("successfully sent database snapshot", server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_learner_serves_it()
    {
        await using var server = await ServerProcess.StartAsync();
        using var client = new EtcdClient(server.ClientUrl);
        await client.PutAsync("key", "value");
        var place = ServerPlace.OnLoopback("learner");
        var add = new MemberAddRequest { IsLearner = true, PeerURLs = { place.PeerUrl } };
        Assert.Equal(2, (await client.Grpc.CallAsync<MemberAddResponse>("/etcdserverpb.Cluster/MemberAdd", add)).Answer.Members.Count);
        place = place with { InitialCluster = $"{server.Name}={server.PeerUrl},{place.InitialCluster}" };
        await using var learner = ServerProcess.Create(server.Target, place, null, "--initial-cluster-state", "existing");
        await learner.StartAsync();
        using var other = new EtcdClient(learner.ClientUrl);
        Assert.True((await other.StatusAsync()).Answer.IsLearner);
        string file = _directory.At("saved.db");
        await Deadline.UntilAsync(async () => (await other.StatusAsync()).Answer.Header.Revision == 2, TimeSpan.FromSeconds(30));
        await SnapshotTool.SaveAsync(learner, file);
        Assert.Equal(2, (await SnapshotTool.StatusAsync(file)).Revision);
    }

    private async Task<(long Compacted, long Last)> FillAsync(EtcdClient client)
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        for (long lease = 1; lease <= 20; lease++)
            Assert.Equal(GrpcStatus.OK, (await client.LeaseGrantAsync(new LeaseGrantRequest { ID = lease * 1000, TTL = 10_000 + lease })).Status);
        long last = 0;
        for (int i = 0; i < 120; i++)
            last = (await client.TxnAsync(RandomTxn(random))).Answer.Header.Revision;
        long compacted = last / 2;
        Assert.Equal(GrpcStatus.OK, (await client.CompactAsync(new CompactionRequest { Revision = compacted })).Status);
        last = (await client.PutAsync(new PutRequest { Key = Key(1), Value = ByteString.CopyFrom(new byte[1 << 20]) })).Answer.Header.Revision;
        last = (await client.DeleteAsync(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("k1"), RangeEnd = ByteString.CopyFromUtf8("k11") })).Answer.Header.Revision;
        last = (await client.PutAsync(new PutRequest { Key = Key(2), Value = ByteString.CopyFrom(new byte[1_200_000]), Lease = 3000 })).Answer.Header.Revision;
        return (compacted, last);
    }

    /// <summary>A hundred changes of different keys.</summary>
    private static TxnRequest RandomTxn(Random random)
    {
        var txn = new TxnRequest();
        foreach (int key in Enumerable.Range(0, 100).Select(_ => random.Next(3000)).Distinct())
        {
            byte[] value = new byte[random.Next(10) == 0 ? random.Next(20_000) : random.Next(200)];
            random.NextBytes(value);
            txn.Success.Add(random.Next(5) == 0
                ? new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(key) } }
                : new RequestOp { RequestPut = new PutRequest { Key = Key(key), Value = ByteString.CopyFrom(value), Lease = random.Next(4) == 0 ? random.Next(1, 21) * 1000 : 0 } });
        }
        return txn;
    }

    private static async Task<int> WriteAsync(EtcdClient client, int writer, CancellationToken stop)
    {
        int count = 0;
        for (; !stop.IsCancellationRequested; count++)
            Assert.Equal(GrpcStatus.OK, (await client.PutAsync($"writer{writer}", $"{count}")).Status);
        return count;
    }

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"k{number}");

    private static async Task<RangeResponse> ReadAllAsync(EtcdClient client, long revision) =>
        (await client.RangeAsync(new RangeRequest { Key = s_all, RangeEnd = s_all, Revision = revision })).Answer;

    private static async Task<(uint, long)> HashAsync(EtcdClient client, long revision)
    {
        HashKVResponse hash = (await client.HashKvAsync(revision)).Answer;
        return (hash.Hash, hash.CompactRevision);
    }

    /// <summary>The leases with their granted times and keys.</summary>
    private static async Task<string[]> LeasesAsync(EtcdClient client)
    {
        var leases = new List<string>();
        foreach (LeaseStatus lease in (await client.LeasesAsync()).Answer.Leases.OrderBy(static lease => lease.ID))
        {
            var request = new LeaseTimeToLiveRequest { ID = lease.ID, Keys = true };
            LeaseTimeToLiveResponse answer = (await client.Grpc.CallAsync<LeaseTimeToLiveResponse>("/etcdserverpb.Lease/LeaseTimeToLive", request)).Answer;
            leases.Add($"{answer.ID} {answer.GrantedTTL} {string.Join(',', answer.Keys.Select(static key => key.ToStringUtf8()).Order(StringComparer.Ordinal))}");
        }
        Assert.Equal(20, leases.Count);
        return [.. leases];
    }

    /// <summary>What the server has in its directory, and open without a name.</summary>
    private static string[] Files(ServerProcess server) =>
    [
        .. Directory.EnumerateDirectories(server.DataDirectory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal),
        .. Directory.EnumerateFiles(server.DataDirectory, "*.tmp", SearchOption.AllDirectories),
        .. Directory.EnumerateFiles($"/proc/{server.Id}/fd").Select(static path => File.ResolveLinkTarget(path, false)?.FullName ?? "").Where(static name => name.EndsWith("(deleted)", StringComparison.Ordinal)),
    ];
}
