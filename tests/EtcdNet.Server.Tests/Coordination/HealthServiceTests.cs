using System.Threading.Channels;
using EtcdNet.Protocol.Health;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using Serilog.Core;
using ServingStatus = EtcdNet.Protocol.Health.HealthCheckResponse.Types.ServingStatus;

namespace EtcdNet.Server.Tests.Coordination;

public sealed class HealthServiceTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Defragmentations_show_where_they_are_to_and_the_last_one_ends_it()
    {
        var health = new HealthService(stopsForDefragmentation: true, Logger.None);
        using var leave = new CancellationTokenSource();
        var told = new Told();
        Task watching = health.WatchAsync(new HealthCheckRequest(), told, new CallContext { Cancellation = leave.Token });
        Assert.Equal(ServingStatus.Serving, await told.NextAsync());
        health.DefragmentationBegins();
        Assert.Equal(ServingStatus.NotServing, await told.NextAsync());
        health.DefragmentationBegins();
        health.DefragmentationEnds();
        Assert.Equal(ServingStatus.NotServing, await StatusAsync(health));
        Assert.Equal(ServingStatus.NotServing, (await health.ListAsync(new HealthListRequest(), new CallContext())).Statuses[""].Status);
        health.DefragmentationEnds();
        Assert.Equal(ServingStatus.Serving, await told.NextAsync());
        Assert.Equal(ServingStatus.Serving, await StatusAsync(health));
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching.WaitAsync(s_limit));
    }

    [Fact]
    public async Task They_do_not_show_elsewhere()
    {
        var health = new HealthService(stopsForDefragmentation: false, Logger.None);
        health.DefragmentationBegins();
        Assert.Equal(ServingStatus.Serving, await StatusAsync(health));
    }

    [Fact]
    public async Task Only_the_empty_name_is_known()
    {
        var health = new HealthService(stopsForDefragmentation: true, Logger.None);
        await Assert.ThrowsAsync<EtcdException>(() => health.CheckAsync(new HealthCheckRequest { Service = "etcd" }, new CallContext()).AsTask());
        using var leave = new CancellationTokenSource();
        var told = new Told();
        Task watching = health.WatchAsync(new HealthCheckRequest { Service = "etcd" }, told, new CallContext { Cancellation = leave.Token });
        Assert.Equal(ServingStatus.ServiceUnknown, await told.NextAsync());
        await leave.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => watching.WaitAsync(s_limit));
    }

    private static async Task<ServingStatus> StatusAsync(HealthService health) => (await health.CheckAsync(new HealthCheckRequest(), new CallContext())).Status;

    private sealed class Told : IResponseStream<HealthCheckResponse>
    {
        private readonly Channel<ServingStatus> _statuses = Channel.CreateUnbounded<ServingStatus>();

        public Task<ServingStatus> NextAsync() => _statuses.Reader.ReadAsync().AsTask().WaitAsync(s_limit);

        public ValueTask WriteAsync(HealthCheckResponse message, CancellationToken cancellation) => _statuses.Writer.WriteAsync(message.Status, cancellation);
    }
}
