using System.IO.Pipelines;
using EtcdNet.Grpc;

namespace EtcdNet.Host.Gateway;

/// <summary>One request to the gateway and the way back to its sender, whatever carries them.</summary>
internal abstract class GatewayExchange
{
    /// <summary>The JSON of the client.</summary>
    public abstract PipeReader Body { get; }

    /// <summary>Where the answer goes.</summary>
    public abstract PipeWriter Output { get; }

    /// <summary>Fires when the client is gone.</summary>
    public abstract CancellationToken Aborted { get; }

    /// <summary>Sets status and headers; once, before anything is written.</summary>
    /// <param name="code">The status of the call so far.</param>
    /// <param name="message">Its text.</param>
    /// <param name="length">Number of bytes of the answer, or null for a stream.</param>
    public abstract void Begin(GrpcStatusCode code, string message, long? length);

    /// <summary>Sends what was written; false when nobody takes it any more.</summary>
    public async ValueTask<bool> FlushAsync()
    {
        FlushResult flushed = await Output.FlushAsync(Aborted).ConfigureAwait(false);
        return !flushed.IsCompleted;
    }

    /// <summary>
    /// Sends one line of a stream at once and in one piece: over HTTP/1.1 it is a chunk of its own, as with etcd, because there are clients
    /// (python-etcd3gw) that take a chunk for a message. False when nobody takes it any more.
    /// </summary>
    public async ValueTask<bool> SendAsync(ReadOnlyMemory<byte> line)
    {
        FlushResult flushed = await Output.WriteAsync(line, Aborted).ConfigureAwait(false);
        return !flushed.IsCompleted;
    }
}
