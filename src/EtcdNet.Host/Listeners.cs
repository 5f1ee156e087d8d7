using System.Net;
using System.Net.Sockets;
using EtcdNet.Grpc;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Gateway;
using EtcdNet.Host.Http;
using EtcdNet.Host.Logging;
using EtcdNet.Host.Metrics;
using EtcdNet.Host.Platform;
using EtcdNet.Host.Rpc;
using EtcdNet.Host.Telemetry;
using EtcdNet.Server;
using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Serilog;
using GrpcMethod = EtcdNet.Grpc.GrpcMethod;

namespace EtcdNet.Host;

/// <summary>Every address that the process listens on: clients (gRPC and HTTP on one port), peers, metrics.</summary>
internal sealed class Listeners : IAsyncDisposable
{
    // What a request may be larger than the largest entry: room for the other fields of the message.
    private const int ReceiveOverheadBytes = 512 << 10;

    // As in etcd (reservedInternalFDNum), clients never get the descriptors that log and store need; here the runtime itself
    // is among those who need some, and it aborts the process when there are none.
    private const int ReservedDescriptors = 150;
    private const int ConnectionsMin = 16;

    private readonly List<GrpcHost> _clients = [];
    private readonly List<GrpcHost> _others = [];
    private readonly PeerNetwork _peers;
    private readonly bool _reusePort;

    public Listeners(EtcdOptions options, RunningMember member, MetricsRegistry registry, ServerMetrics metrics, CallTracing? tracing, ServerLog serverLog)
    {
        ILogger log = serverLog.Logger;
        _reusePort = options.SocketReusePort;
        IReadOnlyList<GrpcMethod> methods = new RpcTable(new CallGate(metrics, member.Status)).Build(member.Services);
        var http = new HttpEndpoints(
            new AccessControl(options.Cors, options.HostWhitelist), registry, metrics, new HealthProbe(member),
            () => new ClusterVersions(member.Machine.Members.ClusterVersion, EtcdVersion.Storage), log);
        if (options.EnableGrpcGateway)
            http.Add(new JsonGateway(methods));
        http.Add(new DebugVars(() => member.Status.Current));
        http.Add(new LogLevelEndpoint(serverLog.Level, log));
        _peers = new PeerNetwork(options, member, http.VersionJson, registry, log);
        int connections = ConnectionsMax();
        var frameworkLog = new FrameworkLog(log);
        var slow = new SlowCalls(options.WarningApplyDuration, options.WarningUnaryRequestDuration, metrics.Consensus.SlowReads, log);
        GrpcServerOptions client = ClientOptions(options, connections - (connections / 4), new CallObserver(methods, registry, metrics, options.ExtensiveMetrics, slow, tracing, log), frameworkLog);

        _clients.Add(new GrpcHost(client, ClientEndpoints(options), methods, http.HandleClientAsync));
        AddHttp(options.ListenPeerUrls, _peers.HandleAsync, connections / 8, frameworkLog);
        AddHttp(options.ListenMetricsUrls, http.HandleMetricsAsync, connections / 8, frameworkLog);
    }

    /// <summary>Other members and those who watch this one are answered before it is ready: they help it to become so.</summary>
    public async Task StartPeersAsync()
    {
        foreach (GrpcHost host in _others)
            await host.StartAsync().ConfigureAwait(false);
    }

    public async Task StartClientsAsync()
    {
        foreach (GrpcHost host in _clients)
            await host.StartAsync().ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (GrpcHost host in _clients)
            await host.DisposeAsync().ConfigureAwait(false);
        await _peers.DisposeAsync().ConfigureAwait(false);
        foreach (GrpcHost host in _others)
            await host.DisposeAsync().ConfigureAwait(false);
    }

    private static GrpcServerOptions ClientOptions(EtcdOptions options, int maxConnections, CallObserver observer, FrameworkLog frameworkLog) => new()
    {
        MaxReceiveMessageSize = checked((int)options.MaxRequestBytes) + ReceiveOverheadBytes,
        MaxConnections = maxConnections,
        MaxConcurrentStreams = (int)Math.Min(options.MaxConcurrentStreams, 1_000_000),
        KeepaliveMinTime = options.GrpcKeepaliveMinTime,
        KeepaliveInterval = options.GrpcKeepaliveInterval,
        KeepaliveTimeout = options.GrpcKeepaliveTimeout,
        ShutdownMessage = StateMachine.Errors.EtcdError.Stopped.Message,
        Observer = observer,
        LoggerFactory = frameworkLog,
        ReusePort = options.SocketReusePort,
        TranslateError = ErrorTranslation.Translate,
    };

    private static int ConnectionsMax()
    {
        double limit = ProcFile.FileDescriptorLimit();
        if (limit == 0 || limit >= int.MaxValue)
            return int.MaxValue;
        int used = ProcFile.OpenFileDescriptors();
        int left = (int)limit - used - ReservedDescriptors;
        if (left < ConnectionsMin)
            throw new ConfigurationException($"file descriptor limit of etcdnet process is too low: it is {limit}, {used} are in use and {ReservedDescriptors} are kept for log and store; raise it (ulimit -n, LimitNOFILE=) to {used + ReservedDescriptors + ConnectionsMin} at least");
        return left;
    }

    private void AddHttp(IReadOnlyList<EtcdUrl> urls, RequestDelegate handler, int maxConnections, FrameworkLog frameworkLog)
    {
        if (urls.Count > 0)
            _others.Add(new GrpcHost(new GrpcServerOptions { MaxConnections = maxConnections, LoggerFactory = frameworkLog, ReusePort = _reusePort }, Endpoints(urls, GrpcEndpointServes.Http), [], handler));
    }

    /// <summary>One host for both, so that the gateway's calls are calls of the same table.</summary>
    private static IEnumerable<GrpcEndpoint> ClientEndpoints(EtcdOptions options) => options.ListenClientHttpUrls.Count == 0
        ? Endpoints(options.ListenClientUrls, GrpcEndpointServes.GrpcAndHttp)
        : [.. Endpoints(options.ListenClientUrls, GrpcEndpointServes.Grpc), .. Endpoints(options.ListenClientHttpUrls, GrpcEndpointServes.Http)];

    private static IEnumerable<GrpcEndpoint> Endpoints(IEnumerable<EtcdUrl> urls, GrpcEndpointServes serves) =>
        urls.Select(url => new GrpcEndpoint { Address = AddressOf(url), Serves = serves });

    private static EndPoint AddressOf(EtcdUrl url)
    {
        if (url.IsUnix)
            return new UnixDomainSocketEndPoint(url.UnixPath);
        IPAddress address = url.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(url.Host);
        return new IPEndPoint(address, url.Port);
    }
}
