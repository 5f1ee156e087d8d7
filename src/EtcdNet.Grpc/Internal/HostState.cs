namespace EtcdNet.Grpc.Internal;

/// <summary>What all calls of a host share.</summary>
internal sealed class HostState(GrpcServerOptions options) : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    public GrpcServerOptions Options { get; } = options;

    public IGrpcObserver? Observer { get; } = options.Observer;

    /// <summary>Fires when the host begins to stop.</summary>
    public CancellationToken Stopping => _stopping.Token;

    public bool IsStopping => _stopping.IsCancellationRequested;

    public Task StopAsync() => _stopping.CancelAsync();

    public void Dispose() => _stopping.Dispose();
}
