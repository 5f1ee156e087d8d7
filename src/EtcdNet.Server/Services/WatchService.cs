using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Watching;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.Server.Services;

/// <summary>The Watch service (surface 7.3): many watchers on one stream, events in revision order without gap or repeat.</summary>
/// <param name="hub">Where events come from.</param>
/// <param name="history">Where previous pairs are read; the hub's history.</param>
/// <param name="headers">Headers of the answers.</param>
/// <param name="leader">Ends streams that require a leader.</param>
/// <param name="time">Clock of the progress notifications.</param>
/// <param name="guard">Permission to watch; null allows everything.</param>
/// <param name="stopping">Cancelled when the server stops; streams then end with Unavailable.</param>
public sealed class WatchService(
    WatchHub hub, IHistory history, IHeaderSource headers, LeaderMonitor leader, TimeProvider time,
    IWatchGuard? guard, CancellationToken stopping)
{
    /// <summary>
    /// Serves one stream. If <paramref name="responses"/> is an <see cref="IRawResponseStream"/> too, shared bytes are
    /// written. Never returns normally: a stream ends by an error only.
    /// </summary>
    /// <exception cref="EtcdException">Stopped, NoLeader for a client that requires one, or WatchCanceled when the client left.</exception>
    public async Task WatchAsync(
        IRequestStream<WatchRequest> requests, IResponseStream<WatchResponse> responses, CallContext context)
    {
        if (context.RequireLeader && !leader.HasLeader)
            throw EtcdError.NoLeader.ToException();
        var lost = new CancellationTokenSource(); // not disposed: the monitor may be calling at the moment the stream ends
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation, stopping, lost.Token);
        using IDisposable? registration = context.RequireLeader ? leader.Register(lost.Cancel) : null;
        using var session = new WatchSession(hub, headers, guard, time, context);
        try
        {
            await session.RunAsync(requests, new WatchResponseWriter(responses, headers, history, hub), ended);
        }
        catch (Exception) when (stopping.IsCancellationRequested)
        {
            throw EtcdError.Stopped.ToException();
        }
        catch (Exception) when (lost.IsCancellationRequested)
        {
            throw EtcdError.NoLeader.ToException();
        }
        catch (Exception) when (context.Cancellation.IsCancellationRequested)
        {
            throw EtcdError.WatchCanceled.ToException();
        }
    }
}
