namespace EtcdNet.Grpc.Transport;

/// <summary>
/// What we know of a connection. A feature of it, so that its streams find it. The counters serve the ping policy and are
/// touched by many threads.
/// </summary>
internal sealed class ConnectionState(GrpcEndpoint endpoint)
{
    private int _openStreams;
    private int _serverSent;

    public bool IsCleartext { get; } = endpoint.Tls is null;

    public bool ServesGrpc { get; } = endpoint.Serves.HasFlag(GrpcEndpointServes.Grpc);

    public bool ServesHttp { get; } = endpoint.Serves.HasFlag(GrpcEndpointServes.Http);

    public int OpenStreams => Volatile.Read(ref _openStreams);

    public void StreamStarted() => Interlocked.Increment(ref _openStreams);

    public void StreamEnded()
    {
        Interlocked.Decrement(ref _openStreams);
        ServerSent();
    }

    /// <summary>The server sends headers or data: the client's next ping answers to that and is no offence.</summary>
    public void ServerSent()
    {
        // Read first: the line is shared by all streams of the connection and is mostly set already.
        if (Volatile.Read(ref _serverSent) == 0)
            Volatile.Write(ref _serverSent, 1);
    }

    /// <summary>Whether the server sent anything since the last question.</summary>
    public bool TakeServerSent() => Interlocked.Exchange(ref _serverSent, 0) != 0;
}
