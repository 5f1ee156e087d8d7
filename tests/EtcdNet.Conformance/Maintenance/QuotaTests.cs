using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Maintenance;

/// <summary>A store that is full, and the way out of it that every guide to etcd describes (rules 34 and 36).</summary>
public sealed class QuotaTests
{
    private const int ValueBytes = 1 << 20;
    private const long QuotaBytes = 32 << 20;

    [Fact]
    public async Task A_full_store_is_emptied_and_disarmed()
    {
        await using var server = await ServerProcess.StartAsync(null, null, "--quota-backend-bytes", $"{QuotaBytes}");
        using var client = new EtcdClient(server.ClientUrl);
        int puts = await FillAsync(client);
        Assert.InRange(puts, QuotaBytes / ValueBytes / 2, QuotaBytes / ValueBytes);

        StatusResponse full = await UntilAsync(client, static status => status.Errors.Count > 0);
        Assert.Equal($"memberID:{full.Header.MemberId} alarm:NOSPACE ", Assert.Single(full.Errors));
        Refused((await client.PutAsync("small", "")).Message);
        Refused((await client.LeaseGrantAsync(new LeaseGrantRequest { TTL = 100 })).Message);
        Assert.Single((await client.RangeAsync("key0")).Answer.Kvs);

        DeleteRangeResponse deleted = (await client.DeleteAsync(new DeleteRangeRequest { Key = Key("key"), RangeEnd = Key("kez") })).Answer;
        Assert.Equal(puts, deleted.Deleted);
        Assert.Equal(GrpcStatus.OK, (await client.CompactAsync(new CompactionRequest { Revision = deleted.Header.Revision, Physical = true })).Status);
        Refused((await client.PutAsync("small", "")).Message);
        Assert.Equal(GrpcStatus.OK, (await client.Grpc.CallAsync<DefragmentResponse>("/etcdserverpb.Maintenance/Defragment", new DefragmentRequest())).Status);
        StatusResponse empty = (await client.StatusAsync()).Answer;
        Assert.InRange(empty.DbSize, 0, QuotaBytes / 2);
        Assert.Single(empty.Errors);

        var disarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = full.Header.MemberId, Alarm = AlarmType.Nospace };
        Assert.Single((await client.Grpc.CallAsync<AlarmResponse>("/etcdserverpb.Maintenance/Alarm", disarm)).Answer.Alarms);
        Assert.Equal(GrpcStatus.OK, (await client.PutAsync("small", "")).Status);
        Assert.Empty((await client.StatusAsync()).Answer.Errors);
    }

    private static void Refused(string message) => Assert.Equal("etcdserver: mvcc: database space exceeded", message);

    private static async Task<int> FillAsync(EtcdClient client)
    {
        ByteString value = ByteString.CopyFrom(new byte[ValueBytes]);
        for (int i = 0; ; i++)
        {
            GrpcReply<PutResponse> reply = await client.PutAsync(new PutRequest { Key = Key($"key{i}"), Value = value });
            if (reply.Status == GrpcStatus.OK)
                continue;
            Assert.Equal(GrpcStatus.ResourceExhausted, reply.Status);
            Refused(reply.Message);
            return i;
        }
    }

    private static async Task<StatusResponse> UntilAsync(EtcdClient client, Func<StatusResponse, bool> condition)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        long end = Environment.TickCount64 + 60_000;
        while (true)
        {
            StatusResponse status = (await client.StatusAsync()).Answer;
            if (condition(status))
                return status;
            Assert.True(Environment.TickCount64 < end, $"the status stayed {status}");
            await timer.WaitForNextTickAsync();
        }
    }

    private static ByteString Key(string text) => ByteString.CopyFromUtf8(text);
}
