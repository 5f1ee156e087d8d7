using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace EtcdNet.Grpc.Transport;

/// <summary>Puts the guards around a connection, above TLS, and attaches its <see cref="ConnectionState"/>.</summary>
internal sealed class GuardMiddleware(GrpcEndpoint endpoint, GrpcServerOptions options, int maxHeaderBlock)
{
    /// <summary>Builds the connection pipeline.</summary>
    /// <param name="next">What comes after, Kestrel's HTTP in the end.</param>
    /// <param name="mayBeHttp2">False for endpoints that speak HTTP/1.1 only and need no guards.</param>
    public ConnectionDelegate Wrap(ConnectionDelegate next, bool mayBeHttp2) => async connection =>
    {
        var state = new ConnectionState(endpoint, connection.RemoteEndPoint);
        connection.Features.Set(state);
        if (!mayBeHttp2)
        {
            await next(connection).ConfigureAwait(false);
            return;
        }

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
    };

    private sealed class DuplexPipe(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input { get; } = input;

        public PipeWriter Output { get; } = output;
    }
}
