using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>The same call to both servers, in progress.</summary>
internal sealed class CallPair : IDisposable
{
    private readonly CancellationTokenSource _cancel = new();

    internal CallPair(string rpc, IMessage request, IReadOnlyDictionary<string, string> headers, Func<CancellationToken, Task<GrpcReply<byte[]>>[]> start) =>
        (Rpc, Request, Headers, Replies) = (rpc, request, headers, start(_cancel.Token));

    /// <summary>The short name of the RPC.</summary>
    public string Rpc { get; }

    /// <summary>The request.</summary>
    public IMessage Request { get; }

    /// <summary>The headers that were sent beside the usual ones.</summary>
    public IReadOnlyDictionary<string, string> Headers { get; }

    /// <summary>The answers of the oracle and of the tested server.</summary>
    public Task<GrpcReply<byte[]>>[] Replies { get; }

    /// <summary>Whether both have answered.</summary>
    public bool IsDone => Replies.All(static reply => reply.IsCompleted);

    /// <summary>The client leaves; whatever is still answered is of no interest.</summary>
    public async Task CancelAsync()
    {
        await _cancel.CancelAsync();
        await Task.WhenAll(Replies.Select(static reply => reply.ContinueWith(static done => done.Exception, TaskScheduler.Default)));
    }

    /// <inheritdoc/>
    public void Dispose() => _cancel.Dispose();
}
