using System.Net;

namespace EtcdNet.Grpc.Transport;

/// <summary>
/// What we know of a connection. A feature of it, so that its streams find it. The counters serve the ping policy and are
/// touched by many threads.
/// </summary>
internal sealed class ConnectionState(GrpcEndpoint endpoint, EndPoint? remote)
{
    private string? _peer;
    private int _openStreams;
    private int _serverSent;

    public bool IsCleartext { get; } = endpoint.Tls is null;

    public bool ServesGrpc { get; } = endpoint.Serves.HasFlag(GrpcEndpointServes.Grpc);

    public bool ServesHttp { get; } = endpoint.Serves.HasFlag(GrpcEndpointServes.Http);

    /// <summary>The peer as a text, <c>@</c> when it has no name.</summary>
    public string Peer => _peer ??= remote?.ToString() is { Length: > 0 } name ? name : "@";

    public int OpenStreams => Volatile.Read(ref _openStreams);

    public void StreamStarted() => Interlocked.Increment(ref _openStreams);

    public void StreamEnded() => Interlocked.Decrement(ref _openStreams);

    /// <summary>The server sends headers or data: the client's next ping answers to that and is no offence.</summary>
    public void ServerSent()
    {
        // Read first: it is mostly set already.
        if (Volatile.Read(ref _serverSent) == 0)
            Volatile.Write(ref _serverSent, 1);
    }

    /// <summary>Whether the server sent anything since the last question.</summary>
    public bool TakeServerSent() => Interlocked.Exchange(ref _serverSent, 0) != 0;
}
