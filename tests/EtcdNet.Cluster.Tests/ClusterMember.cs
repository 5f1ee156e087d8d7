using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests;

/// <summary>One member of a <see cref="ProcessCluster"/>: its place, its process, and its disk when it has one of its own.</summary>
internal sealed class ClusterMember(int number, ServerProcess server, LoopDisk? disk) : IAsyncDisposable
{
    private static readonly TimeSpan _statusLimit = TimeSpan.FromSeconds(3);

    /// <summary>From 0; also its number in the network.</summary>
    public int Number => number;

    /// <summary>The process.</summary>
    public ServerProcess Server { get; set; } = server;

    /// <summary>Where its data is, when the cluster has disks.</summary>
    public LoopDisk? Disk => disk;

    /// <summary>What it says of itself; null when it says nothing within three seconds.</summary>
    public async Task<StatusResponse?> StatusAsync()
    {
        if (!Server.IsRunning)
            return null;
        using var client = new EtcdClient(Server.ClientUrl);
        var reply = await AskAsync(token => client.Grpc.CallAsync<StatusResponse>("/etcdserverpb.Maintenance/Status", new StatusRequest(), token));
        return reply?.Value;
    }

    /// <summary>Whether it answers a linearizable read.</summary>
    public async Task<bool> ServesAsync()
    {
        if (!Server.IsRunning)
            return false;
        using var client = new EtcdClient(Server.ClientUrl);
        var reply = await AskAsync(token => client.RangeAsync(new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("r/none") }, token));
        return reply?.Status == Protocol.GrpcStatus.OK;
    }

    /// <summary>Ends the process for good.</summary>
    public async Task StopAsync()
    {
        // A process that waits for its disk cannot even be killed.
        if (disk is not null)
            await disk.ThawAsync();
        await Server.DisposeAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (disk is not null)
            await disk.DisposeAsync();
    }

    /// <inheritdoc/>
    public override string ToString() => Server.Name;

    private static async Task<GrpcReply<T>?> AskAsync<T>(Func<CancellationToken, Task<GrpcReply<T>>> call)
        where T : class
    {
        using var limit = new CancellationTokenSource(_statusLimit);
        try
        {
            return await call(limit.Token);
        }
        catch (Exception error) when (CallFailure.IsBroken(error))
        {
            return null;
        }
    }
}
