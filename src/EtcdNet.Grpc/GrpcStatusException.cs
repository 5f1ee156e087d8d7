namespace EtcdNet.Grpc;

/// <summary>
/// Ends a call with a status. A handler throws it; the code and the text reach the client as they are.
/// </summary>
public sealed class GrpcStatusException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="code">The code; <see cref="GrpcStatusCode.OK"/> is not an error and is refused.</param>
    /// <param name="message">The text for the client. Any text is allowed, it is percent-encoded on the wire.</param>
    public GrpcStatusException(GrpcStatusCode code, string message)
        : base(message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (code is <= GrpcStatusCode.OK or > GrpcStatusCode.Unauthenticated)
            throw new ArgumentOutOfRangeException(nameof(code), code, "an error status is needed");
        Code = code;
    }

    /// <summary>The status code.</summary>
    public GrpcStatusCode Code { get; }
}
