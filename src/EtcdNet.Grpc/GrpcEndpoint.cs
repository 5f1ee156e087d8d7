using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EtcdNet.Grpc;

/// <summary>What a listener answers.</summary>
[Flags]
public enum GrpcEndpointServes
{
    /// <summary>gRPC over HTTP/2.</summary>
    Grpc = 1,

    /// <summary>Everything else, through the fallback delegate.</summary>
    Http = 2,

    /// <summary>Both on one port.</summary>
    GrpcAndHttp = Grpc | Http,
}

/// <summary>One address to listen on.</summary>
public sealed class GrpcEndpoint
{
    /// <summary>
    /// An <see cref="IPEndPoint"/> (port 0 takes a free port) or a <see cref="System.Net.Sockets.UnixDomainSocketEndPoint"/>.
    /// A stale socket file is removed, a living one is an error.
    /// </summary>
    public required EndPoint Address { get; init; }

    /// <summary>TLS settings, or null for cleartext.</summary>
    public HttpsConnectionAdapterOptions? Tls { get; init; }

    /// <summary>What this listener answers.</summary>
    public GrpcEndpointServes Serves { get; init; } = GrpcEndpointServes.GrpcAndHttp;
}
