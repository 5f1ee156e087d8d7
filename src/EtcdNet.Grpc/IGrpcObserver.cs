namespace EtcdNet.Grpc;

/// <summary>
/// Watches calls, for metrics and logs. Every member has an empty default. The members run on the path of the call:
/// they must be quick, must not block and must not throw. Calls to unknown methods are not reported, as with the
/// interceptors of grpc-go.
/// </summary>
public interface IGrpcObserver
{
    /// <summary>A call of a known method began; its metadata can be read, and <see cref="GrpcCall.ObserverState"/> be set.</summary>
    void CallStarted(GrpcCall call) => CallStarted(call.Method);

    /// <summary>The same, for those who need not look into the call.</summary>
    void CallStarted(GrpcMethod method)
    {
    }

    /// <summary>A request message was read.</summary>
    /// <param name="method">The method called.</param>
    /// <param name="bytes">Size of the encoded message after decompression, without the 5-byte prefix.</param>
    void MessageReceived(GrpcMethod method, int bytes)
    {
    }

    /// <summary>A response message was handed to the connection.</summary>
    /// <param name="method">The method called.</param>
    /// <param name="bytes">Size of the encoded message, without the 5-byte prefix.</param>
    void MessageSent(GrpcMethod method, int bytes)
    {
    }

    /// <summary>A call ended. Reported exactly once for each <see cref="CallStarted(GrpcCall)"/>; the call is still there.</summary>
    /// <param name="call">The call.</param>
    /// <param name="code">The final status, also when the client was gone and never saw it.</param>
    /// <param name="message">Text of the status; empty for OK.</param>
    /// <param name="elapsed">Time since the call began.</param>
    void CallHandled(GrpcCall call, GrpcStatusCode code, string message, TimeSpan elapsed) => CallHandled(call.Method, code, elapsed);

    /// <summary>The same, for those who need not look into the call.</summary>
    void CallHandled(GrpcMethod method, GrpcStatusCode code, TimeSpan elapsed)
    {
    }

    /// <summary>A handler failed with something else than a <see cref="GrpcStatusException"/>; the client gets Unknown.</summary>
    void HandlerFailed(GrpcMethod method, Exception error)
    {
    }
}
