using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Faults;

/// <summary>A file of the store changes on the disk while the daemon runs.</summary>
public sealed class DamagedStoreTests
{
    private const int Values = 160;
    private const int Damaged = 3;

    [Fact]
    public async Task A_damaged_record_is_refused_by_name_and_the_rest_is_served()
    {
        await using var server = await ServerProcess.StartAsync(ServerTarget.EtcdNet);
        using var client = new EtcdClient(server.ClientUrl);
        // More than stays in memory.
        for (var i = 0; i < Values; i++)
            _ = (await client.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(Key(i)), Value = ValueOf(i) })).Answer;
        var file = Strike(server.DataDirectory, ValueOf(Damaged).Span);

        var reply = await client.RangeAsync(Key(Damaged));
        Assert.Equal(GrpcStatus.DataLoss, reply.Status);
        Assert.Contains("revision", reply.Message, StringComparison.Ordinal);
        Assert.Contains(file, reply.Message, StringComparison.Ordinal);
        for (var i = 0; i < Values; i++)
        {
            if (i != Damaged)
                Assert.Equal(ValueOf(i), (await client.RangeAsync(Key(i))).Answer.Kvs.Single().Value);
        }

        _ = (await client.PutAsync("more", "is written")).Answer;
        Assert.Equal("is written", (await client.RangeAsync("more")).Answer.Kvs.Single().Value.ToStringUtf8());

        // The next start reads everything, and has nothing intact to make it from: the log behind the checkpoints is gone.
        await server.KillAsync();
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => server.StartAsync());
        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
        Assert.Contains("restore this member's data directory from a backup", refused.Message, StringComparison.Ordinal);
    }

    // Changes bytes in the middle of a value.
    private static string Strike(string dataDirectory, ReadOnlySpan<byte> value)
    {
        var wanted = value.Slice(value.Length / 2, 64);
        foreach (var path in Directory.GetFiles(Path.Combine(dataDirectory, "member", "store"), "log.*", SearchOption.AllDirectories))
        {
            var at = File.ReadAllBytes(path).AsSpan().IndexOf(wanted);
            if (at < 0)
                continue;
            using var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
            file.Position = at;
            file.Write(new byte[16]);
            return path;
        }

        throw new InvalidOperationException("the value is in no file of the store");
    }

    private static string Key(int number) => $"key/{number:D3}";

    private static ByteString ValueOf(int number)
    {
        var value = new byte[1 << 20];
        new Random(number).NextBytes(value);
        return ByteString.CopyFrom(value);
    }
}
