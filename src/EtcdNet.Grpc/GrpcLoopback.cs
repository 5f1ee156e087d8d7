using EtcdNet.Grpc.Internal;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Grpc;

/// <summary>
/// Calls methods from inside the process, for a fallback delegate that speaks another language (JSON) to the same
/// services: observer, limits, deadlines, statuses and the end of the host are those of any call. The fallback delegate
/// finds it among the features of its request.
/// </summary>
public sealed class GrpcLoopback
{
    private readonly HostState _host;

    internal GrpcLoopback(HostState host) => _host = host;

    /// <summary>Largest request message in bytes.</summary>
    public int MaxReceiveMessageSize => _host.Options.MaxReceiveMessageSize;

    /// <summary>Begins a call.</summary>
    /// <param name="method">A method of this host's table.</param>
    /// <param name="metadata">What the handler sees as metadata; names in lower case.</param>
    /// <param name="timeout">The caller's deadline, or null.</param>
    /// <param name="outer">The request that asks for the call; lends its connection.</param>
    /// <param name="aborted">Ends the call, as when a client leaves.</param>
    public GrpcLoopbackCall Start(
        GrpcMethod method, IHeaderDictionary metadata, TimeSpan? timeout, IFeatureCollection outer, CancellationToken aborted)
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(metadata);
        ArgumentNullException.ThrowIfNull(outer);
        var call = new GrpcLoopbackCall(_host, method, metadata, timeout, outer, aborted);
        call.Run();
        return call;
    }

    /// <summary>Reads the text of a <c>grpc-timeout</c> header.</summary>
    public static bool TryParseTimeout(string text, out TimeSpan timeout) => GrpcTimeout.TryParse(text, out timeout);
}
