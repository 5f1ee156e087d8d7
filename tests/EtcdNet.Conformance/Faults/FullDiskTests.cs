using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Faults;

/// <summary>
/// A member whose disk runs full, of bytes or of inodes: writes are refused with etcd's NOSPACE before the disk is full,
/// reads go on, and whatever was acknowledged is there when there is room again.
/// </summary>
public sealed class FullDiskTests
{
    private const string NoSpace = "etcdserver: mvcc: database space exceeded";
    private const int ValueBytes = 1 << 20;
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task A_disk_without_space_refuses_writes_and_loses_nothing()
    {
        await using var disk = await SmallDisk.MountAsync("size=420m");
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, disk.DataDirectory);
        using var client = new EtcdClient(server.ClientUrl);
        var acknowledged = await PutUntilRefusedAsync(client, ValueBytes);
        Assert.InRange(acknowledged, 20, 400);
        await AssertServesAsync(client, acknowledged);
        Assert.Equal(AlarmType.Nospace, Assert.Single((await AlarmAsync(client, new AlarmRequest())).Alarms).Alarm);

        // Now somebody else takes the reserve too. The member still reads, and says loudly that it cannot end in peace.
        disk.FillWithBytes();
        await AssertServesAsync(client, acknowledged);
        Assert.Equal(1, await server.TerminateAsync());
        Assert.Contains("No space left on device", server.Log, StringComparison.Ordinal);

        await disk.ResizeAsync("size=1200m");
        await server.StartAsync();
        await AssertServesAsync(client, acknowledged);
        await DisarmAndWriteAsync(client);
    }

    [Fact]
    public async Task A_disk_without_inodes_refuses_writes_and_recovers()
    {
        await using var disk = await SmallDisk.MountAsync("size=600m,nr_inodes=200");
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet, disk.DataDirectory);
        using var client = new EtcdClient(server.ClientUrl);
        for (var i = 0; i < 10; i++)
            _ = (await client.PutAsync(Key(i), i.ToString())).Answer;
        disk.FillWithFiles(left: 20);
        var refused = 10;
        await Deadline.UntilAsync(async () => (await PutAsync(client, refused, 10)).Status != GrpcStatus.OK || refused++ < 0, _limit);
        Assert.Equal((GrpcStatus.ResourceExhausted, NoSpace), await StatusOf(client));
        Assert.Equal("3", (await client.RangeAsync(Key(3))).Answer.Kvs.Single().Value.ToStringUtf8());

        disk.FillWithFiles(left: 0);
        await server.KillAsync();
        await server.StartAsync();
        Assert.Equal("3", (await client.RangeAsync(Key(3))).Answer.Kvs.Single().Value.ToStringUtf8());
        Assert.Equal((GrpcStatus.ResourceExhausted, NoSpace), await StatusOf(client));
        disk.Free();
        await DisarmAndWriteAsync(client);
        Assert.Equal(0, await server.TerminateAsync());
    }

    private static async Task<(GrpcStatus Status, string Message)> StatusOf(EtcdClient client)
    {
        var reply = await PutAsync(client, 1000, 10);
        return (reply.Status, reply.Message);
    }

    // Number of values that were acknowledged.
    private static async Task<int> PutUntilRefusedAsync(EtcdClient client, int bytes)
    {
        for (var i = 0; ; i++)
        {
            var reply = await PutAsync(client, i, bytes);
            if (reply.Status == GrpcStatus.OK)
                continue;
            Assert.Equal((GrpcStatus.ResourceExhausted, NoSpace), (reply.Status, reply.Message));
            return i;
        }
    }

    private static async Task AssertServesAsync(EtcdClient client, int count)
    {
        var all = (await client.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("fill/"), RangeEnd = ByteString.CopyFromUtf8("fill0"), CountOnly = true })).Answer;
        Assert.Equal(count, all.Count);
        for (var i = 0; i < count; i += 7)
            Assert.Equal(ValueOf(i, ValueBytes), (await client.RangeAsync(Key(i))).Answer.Kvs.Single().Value);
    }

    private static async Task DisarmAndWriteAsync(EtcdClient client)
    {
        // A write that still looked at the old figures may raise the alarm once more.
        await Deadline.UntilAsync(
            async () =>
            {
                foreach (var alarm in (await AlarmAsync(client, new AlarmRequest())).Alarms)
                    await AlarmAsync(client, new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = alarm.Alarm });
                return (await client.PutAsync("after", "1")).Status == GrpcStatus.OK;
            },
            _limit);
    }

    private static async Task<AlarmResponse> AlarmAsync(EtcdClient client, AlarmRequest request) =>
        (await client.Grpc.CallAsync<AlarmResponse>("/etcdserverpb.Maintenance/Alarm", request)).Answer;

    private static Task<GrpcReply<PutResponse>> PutAsync(EtcdClient client, int number, int bytes) =>
        client.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(Key(number)), Value = ValueOf(number, bytes) });

    private static string Key(int number) => $"fill/{number:D4}";

    private static ByteString ValueOf(int number, int bytes)
    {
        var value = new byte[bytes];
        new Random(number).NextBytes(value);
        return ByteString.CopyFrom(value);
    }
}
