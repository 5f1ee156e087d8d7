using System.IO.Pipelines;
using EtcdNet.Grpc.Internal;
using Microsoft.AspNetCore.Connections;

namespace EtcdNet.Grpc.Transport;

/// <summary>Puts the guards around a connection, above TLS, and attaches its <see cref="ConnectionState"/>.</summary>
internal sealed class GuardMiddleware(GrpcEndpoint endpoint, HostState host, int maxHeaderBlock)
{
    /// <summary>Builds the connection pipeline.</summary>
    /// <param name="next">What comes after, Kestrel's HTTP in the end.</param>
    /// <param name="mayBeHttp2">False for endpoints that speak HTTP/1.1 only and need no guards.</param>
    public ConnectionDelegate Wrap(ConnectionDelegate next, bool mayBeHttp2) => async connection =>
    {
        var state = new ConnectionState(endpoint, connection.RemoteEndPoint);
        connection.Features.Set(state);
        var heartbeat = host.Heartbeats.Follow(connection);
        try
        {
            await (mayBeHttp2 ? GuardAsync(connection, state, next) : next(connection)).ConfigureAwait(false);
        }
        finally
        {
            host.Heartbeats.Leave(heartbeat);
        }
    };

    private async Task GuardAsync(ConnectionContext connection, ConnectionState state, ConnectionDelegate next)
    {
        var options = host.Options;
        var outer = connection.Transport;
        var pings = new PingPolicy(
            options.KeepaliveMinTime, options.KeepalivePermitWithoutStream, options.TimeProvider, state);
        var output = new Http2OutputGuard(outer.Output, state);
        connection.Transport = new DuplexPipe(new Http2InputGuard(outer.Input, pings, output, maxHeaderBlock), output);
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            connection.Transport = outer;
        }
    }

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
