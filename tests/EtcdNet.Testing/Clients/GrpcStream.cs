using EtcdNet.Protocol;
using Google.Protobuf;

namespace EtcdNet.Testing.Clients;

/// <summary>A streaming call in progress, typed. One reader at a time; sending is independent of reading.</summary>
public sealed class GrpcStream<TRequest, TResponse>(GrpcByteStream bytes) : IDisposable
    where TRequest : class, IMessage<TRequest>
    where TResponse : class, IMessage<TResponse>, new()
{
    /// <summary>The status of the call, once <see cref="ReadAsync"/> has given null.</summary>
    public (GrpcStatus Status, string Message)? End => bytes.End;

    /// <summary>Sends a message.</summary>
    public void Send(TRequest message) => bytes.Send(GrpcFrames.Encode(message));

    /// <summary>Half-closes: nothing more will be sent.</summary>
    public void CompleteRequests() => bytes.CompleteRequests();

    /// <summary>The next answer, or null at the end of the call.</summary>
    /// <exception cref="TimeoutException">Nothing came within the limit, 15 s by default.</exception>
    public async Task<TResponse?> ReadAsync(TimeSpan? limit = null)
    {
        if (await bytes.ReadAsync(limit) is not { } body)
            return null;
        var value = new TResponse();
        value.MergeFrom(body);
        return value;
    }

    /// <summary>The next answer, which must come before the call ends.</summary>
    public async Task<TResponse> NextAsync(TimeSpan? limit = null) =>
        await ReadAsync(limit) ?? throw new GrpcCallException(End!.Value.Status, End.Value.Message);

    /// <summary>Ends the call; the server sees a cancellation when it was not over.</summary>
    public void Dispose() => bytes.Dispose();
}
