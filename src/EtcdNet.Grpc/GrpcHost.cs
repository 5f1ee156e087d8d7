using System.Net;
using System.Text;
using EtcdNet.Grpc.Internal;
using EtcdNet.Grpc.Transport;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace EtcdNet.Grpc;

/// <summary>
/// A gRPC server on Kestrel: addresses, a table of methods, and a delegate for all requests that are not gRPC.
/// Several hosts may live in one process.
/// </summary>
public sealed class GrpcHost : IAsyncDisposable
{
    private readonly GrpcServerOptions _options;
    private readonly HostState _state;
    private readonly List<SharedListener> _listeners = [];
    private readonly IHost _host;
    private readonly IServer _server;
    private readonly GrpcApplication _application;
    private int _started;
    private readonly Lock _sync = new();
    private Task? _stop;

    /// <summary>Makes a host; nothing is bound before <see cref="StartAsync"/>.</summary>
    /// <exception cref="ArgumentException">A limit out of range, a path twice in the table, no address.</exception>
    public GrpcHost(
        GrpcServerOptions options,
        IEnumerable<GrpcEndpoint> endpoints,
        IEnumerable<GrpcMethod> methods,
        RequestDelegate? fallback = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        foreach (var endpoint in endpoints)
            _listeners.Add(new SharedListener(endpoint, options.MaxConnections, options.TimeProvider));
        if (_listeners.Count == 0)
            throw new ArgumentException("no address to listen on", nameof(endpoints));
        var table = new MethodTable(methods);
        _state = new HostState(options);
        // Built but never run: the server below is started by hand, without the middleware pipeline of a web host.
        _host = new HostBuilder().ConfigureWebHost(ConfigureWeb).Build();
        _server = _host.Services.GetRequiredService<IServer>();
        _application = new GrpcApplication(
            _state, table, fallback, _host.Services.GetRequiredService<IServiceScopeFactory>());
    }

    /// <summary>The addresses listened on, in the order given, with real ports. Valid after <see cref="StartAsync"/>.</summary>
    public IReadOnlyList<EndPoint> BoundEndPoints => [.. _listeners.Select(listener => listener.BoundTo)];

    /// <summary>Opens the listeners and serves.</summary>
    /// <exception cref="GrpcBindException">An address cannot be bound; those already open are closed again.</exception>
    public async Task StartAsync(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _started, 1) != 0)
            throw new InvalidOperationException("a host starts once");
        try
        {
            await _server.StartAsync(_application, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await StopAsync(CancellationToken.None).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Ends open streams with Unavailable, lets unary calls finish, says GOAWAY and closes. What is still open after
    /// <see cref="GrpcServerOptions.ShutdownGrace"/>, or when the token fires, is cut.
    /// </summary>
    /// <remarks>Later calls wait for the first one.</remarks>
    public Task StopAsync(CancellationToken cancellationToken = default)
    {
        lock (_sync)
            return _stop ??= StopOnceAsync(cancellationToken);
    }

    /// <summary>Stops if that has not been done, and lets everything go.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        if (_host is IAsyncDisposable disposable)
            await disposable.DisposeAsync().ConfigureAwait(false);
        else
            _host.Dispose();
        _state.Dispose();
    }

    private async Task StopOnceAsync(CancellationToken cancellationToken)
    {
        // Callers hold a lock here.
        await Task.Yield();
        using var grace = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        grace.CancelAfter(_options.ShutdownGrace);
        await _state.StopAsync().ConfigureAwait(false);
        await _state.Heartbeats.BeatUntilAsync(_server.StopAsync(grace.Token)).ConfigureAwait(false);
    }

    private void ConfigureWeb(IWebHostBuilder web)
    {
        web.UseSockets().UseKestrelCore().UseKestrelHttpsConfiguration();
        web.ConfigureKestrel(ConfigureKestrel);
        web.ConfigureServices(services =>
        {
            if (_options.ReusePort)
                services.Configure<SocketTransportOptions>(static sockets => sockets.CreateBoundListenSocket = ReusedPort.Bind);
            services.AddSingleton(_options.LoggerFactory ?? NullLoggerFactory.Instance);
            ConnectionMemory.PutBefore(services);
            // Made by the container: only so do the sockets use Kestrel's memory pool and not fresh arrays for every read.
            services.AddSingleton<SocketTransportFactory>();
            services.AddSingleton<IConnectionListenerFactory>(provider =>
                new SniffingListenerFactory(provider.GetRequiredService<SocketTransportFactory>()));
        });
        web.Configure(_ => { });
    }

    private void ConfigureKestrel(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        // Headers are bytes, one a character. Read as UTF-8, one that is none would cost the client its connection with all calls on it.
        kestrel.RequestHeaderEncodingSelector = static _ => Encoding.Latin1;
        // Proxies and TLS terminators send a scheme and a host of their own; nothing here reads either.
        kestrel.AllowAlternateSchemes = true;
        kestrel.AllowHostHeaderOverride = true;
        KestrelLimits.Apply(kestrel.Limits, _options);
        foreach (var listener in _listeners)
            Listen(kestrel, listener);
    }

    private void Listen(KestrelServerOptions kestrel, SharedListener listener)
    {
        var endpoint = listener.Endpoint;
        if (endpoint.Tls is not null)
        {
            var protocols = endpoint.Serves == GrpcEndpointServes.Grpc ? HttpProtocols.Http2 : HttpProtocols.Http1AndHttp2;
            Listen(kestrel, listener, ListenerShare.All, protocols);
            return;
        }

        switch (endpoint.Serves)
        {
            case GrpcEndpointServes.Grpc:
                Listen(kestrel, listener, ListenerShare.All, HttpProtocols.Http2);
                break;
            case GrpcEndpointServes.Http:
                Listen(kestrel, listener, ListenerShare.All, HttpProtocols.Http1);
                break;
            case GrpcEndpointServes.GrpcAndHttp:
                Listen(kestrel, listener, ListenerShare.Http2, HttpProtocols.Http2);
                Listen(kestrel, listener, ListenerShare.Http1, HttpProtocols.Http1);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(listener), endpoint.Serves, "an endpoint must serve something");
        }
    }

    private void Listen(
        KestrelServerOptions kestrel, SharedListener listener, ListenerShare share, HttpProtocols protocols)
    {
        var endpoint = listener.Endpoint;
        var guards = new GuardMiddleware(endpoint, _state, KestrelLimits.HeaderBlockBytesMax);
        kestrel.Listen(listener.Share(share), listen =>
        {
            listen.Protocols = protocols;
            if (endpoint.Tls is { } tls)
                listen.UseHttps(tls);
            listen.Use(next => guards.Wrap(next, mayBeHttp2: protocols != HttpProtocols.Http1));
        });
    }
}
