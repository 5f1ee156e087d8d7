using System.Net.Sockets;
using EtcdNet.Grpc;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Logging;
using EtcdNet.Host.Metrics;
using EtcdNet.Host.Platform;
using EtcdNet.Host.Telemetry;
using EtcdNet.Server;
using EtcdNet.Server.Metrics;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;
using Serilog;

namespace EtcdNet.Host;

/// <summary>
/// The process: recovers the member, opens the listeners, says that it is ready, waits for a signal, and stops in peace.
/// A start that cannot succeed ends with one fatal line that names the reason, and exit code 1.
/// </summary>
internal sealed class Daemon(EtcdOptions options, ServerLog serverLog)
{
    private static readonly TimeSpan ReadyTimeout = TimeSpan.FromSeconds(5);

    private readonly ILogger _log = serverLog.Logger.ForContext<Daemon>();
    private readonly TaskCompletionSource<Exception> _fatal = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Runs until a signal or until the member cannot go on. Returns the exit code.</summary>
    public async Task<int> RunAsync(ShutdownSignals signals)
    {
        try
        {
            int code = await ServeAsync(signals).ConfigureAwait(false);
            // The stop itself may fail, at the last checkpoint for instance.
            return _fatal.Task.IsCompleted ? 1 : code;
        }
        catch (ConfigurationException error)
        {
            CommandLine.Report(error, _log);
            return error.ExitCode;
        }
        catch (Exception error) when (IsExpected(error))
        {
            _log.ForContext("error", error.Message).Fatal("failed to start or run etcdnet");
            return 1;
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception error)
        {
            // A defect of ours: the trace is wanted.
            _log.Fatal(error, "etcdnet failed in a way that it did not expect");
            return 1;
        }
    }

    private static bool IsExpected(Exception error) =>
        error is DataDirectoryException or WalDamagedException or GrpcBindException or IOException or UnauthorizedAccessException
            or SocketException or StateMachine.StateDamagedException or StateMachine.BackendDamagedException;

    private async Task<int> ServeAsync(ShutdownSignals signals)
    {
        LogStart();
        if (options.MemoryMlock)
            MemoryLock.LockAll();
        MemberOptions settings = await new Bootstrap(options, serverLog.Logger).PrepareAsync(signals.Token).ConfigureAwait(false);
        (MetricsRegistry registry, ServerMetrics metrics) = NewMetrics();
        await using OtlpExport? export = options.Telemetry.Any ? new OtlpExport(options.Telemetry, serverLog.Forwarded, registry, serverLog.Logger) : null;
        RunningMember member = RunningMember.Open(
            settings, error => _fatal.TrySetResult(error), TimeProvider.System, serverLog.Logger, MemberMetrics.WalObserver(metrics.Disk));
        bool stopInPeace = true;
        try
        {
            MemberMetrics.Bind(metrics, member);
            options.FeatureGates.PublishTo(metrics.Consensus.FeatureEnabled);
            await using var listeners = new Listeners(options, member, registry, metrics, export?.Tracing, serverLog);
            await listeners.StartPeersAsync().ConfigureAwait(false);
            Task removed = WaitRemovedAsync(member);
            Task started = member.StartAsync(signals.Token);
            // A member that finds no leader serves what it can after a while: its state, reads that need no leader, and errors that
            // say what is wrong. One that has just joined has nothing to serve, and one that compares its data first must not.
            Task patience = Task.Delay(ReadyTimeout, signals.Token);
            Task first = await FirstAsync(started, removed, _fatal.Task, patience).ConfigureAwait(false);
            bool early = first == patience && settings.Joins is null && !settings.InitialCorruptCheck && !signals.Token.IsCancellationRequested;
            if (early)
            {
                _log.Warning("timed out waiting for the ready notification; clients are served although there is no leader");
                await listeners.StartClientsAsync().ConfigureAwait(false);
            }
            if (first == patience)
            {
                // systemd would end a start that takes long, and begin it again, for ever.
                SystemdNotifier.Notify(SystemdNotifier.Ready);
                first = await FirstAsync(started, removed, _fatal.Task).ConfigureAwait(false);
            }
            if (first == started)
            {
                await started.ConfigureAwait(false);
                if (!early)
                    await listeners.StartClientsAsync().ConfigureAwait(false);
                LogReady();
                SystemdNotifier.Notify(SystemdNotifier.Ready);
                first = await FirstAsync(WaitAsync(signals.Token), removed, _fatal.Task).ConfigureAwait(false);
            }
            if (first == _fatal.Task)
                return await FailAsync().ConfigureAwait(false);
            SystemdNotifier.Notify(SystemdNotifier.Stopping);
            if (first == removed)
            {
                _log.ForContext("data-dir", options.DataDir).Warning("this member was removed from its cluster and stops; its data directory cannot be used again and should be removed");
                return 0;
            }
            _log.ForContext("signal", signals.Received).Information("received signal; shutting down");
            Task leave = member.LeaveLeadershipAsync(CancellationToken.None);
            return await FirstAsync(leave, _fatal.Task).ConfigureAwait(false) == leave ? 0 : await FailAsync().ConfigureAwait(false);
        }
        finally
        {
            if (stopInPeace)
                await member.DisposeAsync().ConfigureAwait(false);
        }

        // A thread of the member is dead: what it owned must not be touched again, least of all written.
        async Task<int> FailAsync()
        {
            stopInPeace = false;
            Exception reason = await _fatal.Task.ConfigureAwait(false);
            _log.ForContext("error", reason.Message).Fatal("the member cannot go on; the process ends");
            return 1;
        }
    }

    private static (MetricsRegistry Registry, ServerMetrics Metrics) NewMetrics()
    {
        var registry = new MetricsRegistry();
        var metrics = new ServerMetrics(registry);
        ProcessMetrics.Define(registry);
        AbsentMetrics.Define(registry);
        return (registry, metrics);
    }

    private static async Task<Task> FirstAsync(params Task[] tasks) => await Task.WhenAny(tasks).ConfigureAwait(false);

    /// <summary>The others may have to hear from a member that leaves that its removal is committed.</summary>
    private async Task WaitRemovedAsync(RunningMember member)
    {
        await member.Removed.ConfigureAwait(false);
        await Task.Delay(2 * options.ElectionTimeout).ConfigureAwait(false);
    }

    private static async Task WaitAsync(CancellationToken token)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using CancellationTokenRegistration registration = token.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), done);
        await done.Task.ConfigureAwait(false);
    }

    private void LogStart()
    {
        LogSettings();
        if (!options.SetsPeerLocalAddress)
            return;
        ILogger line = _log.ForContext("advertise-peer-urls", options.InitialAdvertisePeerUrls.Select(url => url.Text).ToArray());
        if (options.PeerLocalAddress is { } local)
            line.ForContext("LocalAddr", local.ToString()).Information("setting member local address");
        else
            line.Warning("unable to set a member local address due to lack of suitable local addresses");
    }

    private void LogSettings() => _log
        .ForContext("etcd-version", Versions.Etcd)
        .ForContext("etcdnet-version", Versions.EtcdNet)
        .ForContext("name", options.Name)
        .ForContext("data-dir", options.DataDir)
        .ForContext("wal-dir", options.WalDir ?? "")
        .ForContext("listen-client-urls", options.ListenClientUrls.Select(url => url.Text).ToArray())
        .ForContext("advertise-client-urls", options.AdvertiseClientUrls.Select(url => url.Text).ToArray())
        .ForContext("listen-peer-urls", options.ListenPeerUrls.Select(url => url.Text).ToArray())
        .ForContext("heartbeat-interval", options.HeartbeatInterval)
        .ForContext("election-timeout", options.ElectionTimeout)
        .ForContext("quota-backend-bytes", options.QuotaBackendBytes)
        .Information("starting an etcd server");

    private void LogReady()
    {
        _log.Information("ready to serve client requests");
        foreach (EtcdUrl url in options.ListenClientUrls)
        {
            if (!url.IsTls)
                _log.ForContext("address", url.Text).Information("serving client traffic insecurely; this is strongly discouraged!");
        }
    }
}
