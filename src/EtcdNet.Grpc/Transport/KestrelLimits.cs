using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace EtcdNet.Grpc.Transport;

/// <summary>Kestrel's limits, set to what gRPC and etcd's clients need.</summary>
internal static class KestrelLimits
{
    /// <summary>Largest header block held back for repair; above Kestrel's own limit, so that Kestrel judges it.</summary>
    public const int HeaderBlockBytesMax = 320 * 1024;

    private const int HeaderBytesMax = 256 * 1024;
    private const int HeaderFieldBytesMax = 128 * 1024;

    public static void Apply(KestrelServerLimits limits, GrpcServerOptions options)
    {
        // Streams of gRPC live for days, are silent for hours, and have message limits of their own.
        limits.MaxRequestBodySize = null;
        limits.MinRequestBodyDataRate = null;
        limits.MinResponseDataRate = null;
        limits.KeepAliveTimeout = TimeSpan.FromDays(1);
        limits.MaxRequestHeadersTotalSize = HeaderBytesMax;
        limits.MaxRequestHeaderCount = 1000;
        limits.Http2.MaxRequestHeaderFieldSize = HeaderFieldBytesMax;
        limits.Http2.MaxStreamsPerConnection = options.MaxConcurrentStreams;
        limits.Http2.InitialStreamWindowSize = 768 * 1024;
        limits.Http2.InitialConnectionWindowSize = 1024 * 1024;
        limits.Http2.KeepAlivePingDelay = options.KeepaliveInterval == TimeSpan.Zero
            ? TimeSpan.MaxValue
            : AtLeastOneSecond(options.KeepaliveInterval);
        limits.Http2.KeepAlivePingTimeout = AtLeastOneSecond(options.KeepaliveTimeout);
    }

    private static TimeSpan AtLeastOneSecond(TimeSpan time) =>
        time < TimeSpan.FromSeconds(1) ? TimeSpan.FromSeconds(1) : time;
}
