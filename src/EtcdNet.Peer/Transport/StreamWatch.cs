namespace EtcdNet.Peer.Transport;

/// <summary>Cancels a connection on which nothing happens for too long.</summary>
internal sealed class StreamWatch : IDisposable
{
    private readonly CancellationTokenSource _cancellation;
    private readonly ITimer _timer;

    public StreamWatch(PeerTransportOptions options, CancellationToken cancellation)
    {
        _cancellation = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        _timer = options.Time.CreateTimer(
            static source => Cancellation.TryCancel((CancellationTokenSource)source!), _cancellation, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        Token = _cancellation.Token;
    }

    public CancellationToken Token { get; }

    /// <summary>From now on something has to happen within that time, which begins anew with every call.</summary>
    public void Expect(TimeSpan within) => _timer.Change(within, Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _timer.Dispose();
        _cancellation.Dispose();
    }
}
