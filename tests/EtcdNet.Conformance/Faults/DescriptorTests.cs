using System.Net;
using System.Net.Sockets;
using System.Runtime.Versioning;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Faults;

/// <summary>A member with few file descriptors: clients that take them all disturb neither log nor store.</summary>
[SupportedOSPlatform("linux")]
public sealed class DescriptorTests
{
    private const int Limit = 420;

    [Fact]
    public async Task Connections_without_end_leave_log_and_store_their_descriptors()
    {
        using var directory = new TempDirectory();
        await using var server = await ServerProcess.StartAsync(Limited(directory, Limit), directory.At("data"));
        using var client = new EtcdClient(server.ClientUrl);
        _ = (await client.PutAsync("first", "1")).Answer;
        var idle = await ConnectAsync(server, 400);
        Assert.InRange(Directory.GetFiles($"/proc/{server.Id}/fd").Length, 1, Limit - 50);

        // New log files, a checkpoint and a file of the store are made meanwhile.
        for (var i = 0; i < 80; i++)
            _ = (await client.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8($"k{i}"), Value = ByteString.CopyFrom(new byte[1 << 20]) })).Answer;
        Assert.Equal(80, (await client.RangeAsync(new RangeRequest { Key = ByteString.CopyFromUtf8("k"), RangeEnd = ByteString.CopyFromUtf8("l"), CountOnly = true })).Answer.Count);

        idle.ForEach(socket => socket.Dispose());
        await Deadline.UntilAsync(() => CanConnectAsync(server), TimeSpan.FromSeconds(60));
        Assert.Equal(0, await server.TerminateAsync());
        await server.StartAsync();
        Assert.Equal("1", (await client.RangeAsync("first")).Answer.Kvs.Single().Value.ToStringUtf8());
    }

    [Fact]
    public async Task Too_few_descriptors_are_refused_at_the_start()
    {
        using var directory = new TempDirectory();
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => ServerProcess.StartAsync(Limited(directory, 150), directory.At("data")));
        Assert.Contains("file descriptor limit of etcdnet process is too low", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<List<Socket>> ConnectAsync(ServerProcess server, int count)
    {
        var sockets = new List<Socket>();
        for (var i = 0; i < count; i++)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            // The kernel's queue takes those that the server does not.
            await socket.ConnectAsync(IPEndPoint.Parse(server.Endpoint)).WaitAsync(TimeSpan.FromSeconds(30));
            sockets.Add(socket);
        }

        return sockets;
    }

    private static async Task<bool> CanConnectAsync(ServerProcess server)
    {
        using var client = new EtcdClient(server.ClientUrl);
        try
        {
            return (await client.PutAsync("later", "1")).Status == GrpcStatus.OK;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private static ServerTarget Limited(TempDirectory directory, int descriptors)
    {
        var script = directory.At("limited");
        File.WriteAllText(script, $"#!/bin/bash\nulimit -n {descriptors}\nexec {ServerTarget.EtcdNet.Binary} \"$@\"\n");
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return ServerTarget.EtcdNet with { Binary = script };
    }
}
