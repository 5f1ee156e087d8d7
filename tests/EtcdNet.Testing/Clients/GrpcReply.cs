using EtcdNet.Protocol;

namespace EtcdNet.Testing.Clients;

/// <summary>The outcome of a unary call: a status, its text, and the message when the status is OK.</summary>
public sealed record GrpcReply<T>(GrpcStatus Status, string Message, T? Value)
    where T : class
{
    /// <summary>The answer of a call that must have succeeded.</summary>
    /// <exception cref="GrpcCallException">The call failed.</exception>
    public T Answer => Status == GrpcStatus.OK && Value is not null ? Value : throw new GrpcCallException(Status, Message);
}

/// <summary>A call that ended with a status other than OK where the test needed an answer.</summary>
public sealed class GrpcCallException(GrpcStatus status, string message) : Exception($"{status} ({(int)status}): {message}")
{
    /// <summary>The status of the call.</summary>
    public GrpcStatus Status { get; } = status;

    /// <summary>The text that the server sent with the status.</summary>
    public string StatusText { get; } = message;
}
