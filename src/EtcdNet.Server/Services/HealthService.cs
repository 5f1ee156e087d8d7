using EtcdNet.Protocol;
using EtcdNet.Protocol.Health;
using EtcdNet.StateMachine.Errors;
using Serilog;
using Serilog.Events;
using ServingStatus = EtcdNet.Protocol.Health.HealthCheckResponse.Types.ServingStatus;

namespace EtcdNet.Server.Services;

/// <summary>
/// grpc.health.v1.Health: the whole server under the empty name, serving from the moment it answers at all until it stops, but for
/// defragmentations where that is wanted (gate StopGRPCServiceOnDefrag). Thread-safe.
/// </summary>
public sealed class HealthService
{
    private readonly bool _stopsForDefragmentation;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private int _defragmentations;
    private TaskCompletionSource _changed = New();

    /// <param name="stopsForDefragmentation">Whether clients are told to go elsewhere while the store is defragmented.</param>
    /// <param name="log">Log of the process.</param>
    public HealthService(bool stopsForDefragmentation, ILogger log)
    {
        _stopsForDefragmentation = stopsForDefragmentation;
        _log = log.ForContext<HealthService>();
    }

    /// <summary>One status.</summary>
    /// <exception cref="EtcdException">NotFound for any other service name.</exception>
    public ValueTask<HealthCheckResponse> CheckAsync(HealthCheckRequest request, CallContext call)
    {
        if (request.Service.Length != 0)
            throw new EtcdException(GrpcStatus.NotFound, "unknown service");
        return new(new HealthCheckResponse { Status = Now().Status });
    }

    /// <summary>All statuses.</summary>
    public ValueTask<HealthListResponse> ListAsync(HealthListRequest request, CallContext call)
    {
        var response = new HealthListResponse();
        response.Statuses.Add("", new HealthCheckResponse { Status = Now().Status });
        return new(response);
    }

    /// <summary>The status now and at every change.</summary>
    public async Task WatchAsync(HealthCheckRequest request, IResponseStream<HealthCheckResponse> responses, CallContext call)
    {
        if (request.Service.Length != 0)
        {
            await responses.WriteAsync(new HealthCheckResponse { Status = ServingStatus.ServiceUnknown }, call.Cancellation).ConfigureAwait(false);
            await Task.Delay(Timeout.Infinite, call.Cancellation).ConfigureAwait(false);
        }
        ServingStatus? told = null;
        while (true)
        {
            (ServingStatus status, Task changed) = Now();
            if (status != told)
                await responses.WriteAsync(new HealthCheckResponse { Status = status }, call.Cancellation).ConfigureAwait(false);
            told = status;
            await changed.WaitAsync(call.Cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>A defragmentation begins; call <see cref="DefragmentationEnds"/> whatever becomes of it.</summary>
    internal void DefragmentationBegins() => Change(1);

    /// <summary>It is over.</summary>
    internal void DefragmentationEnds() => Change(-1);

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private (ServingStatus Status, Task Changed) Now()
    {
        lock (_gate)
            return (_defragmentations > 0 ? ServingStatus.NotServing : ServingStatus.Serving, _changed.Task);
    }

    private void Change(int by)
    {
        if (!_stopsForDefragmentation)
            return;
        bool serves;
        TaskCompletionSource before;
        lock (_gate)
        {
            bool served = _defragmentations == 0;
            _defragmentations += by;
            serves = _defragmentations == 0;
            if (serves == served)
                return;
            before = _changed;
            _changed = New();
        }
        before.SetResult();
        _log.ForContext("service", "").ForContext("status", serves ? "SERVING" : "NOT_SERVING").ForContext("reason", serves ? "" : "defrag is active")
            .Write(serves ? LogEventLevel.Information : LogEventLevel.Warning, "grpc service status changed");
    }
}
