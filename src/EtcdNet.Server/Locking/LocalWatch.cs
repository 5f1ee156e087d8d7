using System.Threading.Channels;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Locking;

/// <summary>
/// A Watch call of this server to itself, with the rights of the caller it is made for. One reader. It is read as slowly as
/// its reader likes: what is not read is not buffered, its watchers fall behind and catch up from the history.
/// </summary>
internal sealed class LocalWatch : IRequestStream<WatchRequest>, IResponseStream<WatchResponse>, IAsyncDisposable
{
    private readonly Channel<WatchResponse> _arrived = Channel.CreateBounded<WatchResponse>(1);
    private readonly Queue<WatchRequest> _creates;
    private readonly CancellationTokenSource _end;
    private readonly Task _running;

    /// <summary>Opens the call with its watchers; all must be of the caller's to see.</summary>
    public LocalWatch(WatchService watch, CallContext call, params ReadOnlySpan<WatchCreateRequest> creates)
    {
        _creates = new Queue<WatchRequest>(creates.Length);
        foreach (WatchCreateRequest create in creates)
            _creates.Enqueue(new WatchRequest { CreateRequest = create });
        _end = CancellationTokenSource.CreateLinkedTokenSource(call.Cancellation);
        _running = RunAsync(watch, new InnerCall(call, _end.Token));
    }

    /// <summary>The next response with events; null when a compaction has overtaken one of the watchers.</summary>
    /// <exception cref="EtcdException">Permission denied, no leader, or the server stops.</exception>
    /// <exception cref="OperationCanceledException">The caller is gone.</exception>
    public async ValueTask<WatchResponse?> NextAsync(CancellationToken cancellation)
    {
        while (true)
        {
            WatchResponse response;
            try
            {
                response = await _arrived.Reader.ReadAsync(cancellation).ConfigureAwait(false);
            }
            catch (ChannelClosedException)
            {
                cancellation.ThrowIfCancellationRequested();
                await _running.ConfigureAwait(false);
                throw EtcdError.Stopped.ToException();
            }
            if (response.CompactRevision != 0)
                return null;
            if (response.Canceled)
                throw new EtcdException(GrpcStatus.Unknown, response.CancelReason);
            if (response.Events.Count > 0)
                return response;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _end.Dispose();
    }

    ValueTask<WatchRequest?> IRequestStream<WatchRequest>.ReadAsync(CancellationToken cancellation) =>
        new(_creates.TryDequeue(out WatchRequest? create) ? create : null);

    ValueTask IResponseStream<WatchResponse>.WriteAsync(WatchResponse message, CancellationToken cancellation) =>
        _arrived.Writer.WriteAsync(message, cancellation);

    private async Task RunAsync(WatchService watch, CallContext call)
    {
        try
        {
            await watch.WatchAsync(this, this, call).ConfigureAwait(false);
        }
        finally
        {
            _arrived.Writer.TryComplete();
        }
    }
}
