using EtcdNet.Grpc.Transport;

namespace EtcdNet.Grpc.Internal;

/// <summary>What all calls of a host share.</summary>
internal sealed class HostState : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    public HostState(GrpcServerOptions options)
    {
        Options = options;
        Observer = options.Observer;
        Stopping = _stopping.Token;
    }

    public GrpcServerOptions Options { get; }

    public Heartbeats Heartbeats { get; } = new();

    public IGrpcObserver? Observer { get; }

    /// <summary>Fires when the host begins to stop.</summary>
    public CancellationToken Stopping { get; }

    public bool IsStopping => _stopping.IsCancellationRequested;

    public Task StopAsync() => _stopping.CancelAsync();

    public void Dispose() => _stopping.Dispose();
}
