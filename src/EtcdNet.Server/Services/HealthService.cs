using EtcdNet.Protocol;
using EtcdNet.Protocol.Health;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Services;

/// <summary>
/// grpc.health.v1.Health: the whole server under the empty name, serving from the moment it answers at all until it stops.
/// </summary>
public static class HealthService
{
    /// <summary>One status.</summary>
    /// <exception cref="EtcdException">NotFound for any other service name.</exception>
    public static ValueTask<HealthCheckResponse> CheckAsync(HealthCheckRequest request, CallContext call)
    {
        if (request.Service.Length != 0)
            throw new EtcdException(GrpcStatus.NotFound, "unknown service");
        return new(Serving());
    }

    /// <summary>All statuses.</summary>
    public static ValueTask<HealthListResponse> ListAsync(HealthListRequest request, CallContext call)
    {
        var response = new HealthListResponse();
        response.Statuses.Add("", Serving());
        return new(response);
    }

    /// <summary>The status now and at every change; it changes only by the end of the stream.</summary>
    public static async Task WatchAsync(HealthCheckRequest request, IResponseStream<HealthCheckResponse> responses, CallContext call)
    {
        HealthCheckResponse status = request.Service.Length == 0
            ? Serving()
            : new HealthCheckResponse { Status = HealthCheckResponse.Types.ServingStatus.ServiceUnknown };
        await responses.WriteAsync(status, call.Cancellation).ConfigureAwait(false);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration =
            call.Cancellation.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), ended);
        await ended.Task.ConfigureAwait(false);
        call.Cancellation.ThrowIfCancellationRequested();
    }

    private static HealthCheckResponse Serving() => new() { Status = HealthCheckResponse.Types.ServingStatus.Serving };
}
