using System.Net;
using EtcdNet.Peer.Transport;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server;
using EtcdNet.Server.Metrics;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage.Faster;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Serilog.Core;

namespace EtcdNet.Peer.Tests.Cluster;

/// <summary>A whole member without its client side: store, log, consensus, transport and peer port, in this process.</summary>
internal sealed class ClusterMember(int port, IReadOnlyList<int> cluster) : IAsyncDisposable
{
    private readonly TempDirectory _files = new();
    private WebApplication? _web;
    private PeerTransport? _transport;
    private RunningMember? _member;
    private volatile Exception? _fatal;

    public ulong Id => _member!.Status.Current.MemberId;

    public ulong Leader => _member?.Status.Current.Leader ?? 0;

    public bool IsRunning => _member is not null;

    public ulong AppliedIndex => _member!.Status.Current.AppliedIndex;

    private static string Url(int port) => $"http://127.0.0.1:{port}";

    public async Task StartAsync()
    {
        _member = RunningMember.Open(
            new MemberOptions
            {
                Name = $"m{port}", DataDirectory = _files.At("data"), PeerUrls = [Url(port)], ClientUrls = ["http://127.0.0.1:1"],
                InitialCluster = [.. cluster.Select(p => (IReadOnlyList<string>)[Url(p)])],
                Store = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 24, IndexBytes = 1 << 20 },
            },
            e => _fatal = e, TimeProvider.System, Logger.None);
        var status = _member.Status.Current;
        _transport = new PeerTransport(
            new PeerTransportOptions { MemberId = status.MemberId, ClusterId = status.ClusterId, AdvertisedUrls = [Url(port)] },
            new InboxReceiver(_member.Peers, () => { }), new MetricsRegistry(), Logger.None);
        var endpoints = new PeerEndpoints(_member.Machine.Members, status.ClusterId, () => "{}", TimeProvider.System, _transport);

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, port, l => l.Protocols = HttpProtocols.Http1));
        _web = builder.Build();
        _web.Run(endpoints.HandleAsync);
        await _web.StartAsync();
        _member.Connect(_transport);
        using var limit = new CancellationTokenSource(Support.Wait.Limit);
        await _member.StartAsync(limit.Token);
    }

    /// <summary>
    /// One attempt; false when the member could not take it (no leader, leader changed, …) or no answer came in time: what was passed
    /// on to a leader that died is lost.
    /// </summary>
    public async Task<bool> TryPutAsync(string key, string value, TimeSpan limit)
    {
        Assert.Null(_fatal);
        var request = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) };
        try
        {
            await _member!.Services.Kv.PutAsync(request, new CallContext()).AsTask().WaitAsync(limit);
            return true;
        }
        catch (Exception e) when (e is EtcdException or TimeoutException)
        {
            return false;
        }
    }

    /// <summary>A linearizable read; null when the member could not do it.</summary>
    public async Task<string?> TryGetAsync(string key)
    {
        Assert.Null(_fatal);
        using var limit = new CancellationTokenSource(Support.Wait.Limit);
        try
        {
            var answer = await _member!.Services.Kv.RangeAsync(
                new RangeRequest { Key = ByteString.CopyFromUtf8(key) }, new CallContext { Cancellation = limit.Token });
            return answer.Kvs.Count == 0 ? "" : answer.Kvs[0].Value.ToStringUtf8();
        }
        catch (EtcdException)
        {
            return null;
        }
    }

    /// <summary>Closes port and connections first, as the kernel does when a process dies, and then stops the rest.</summary>
    public async Task StopAsync()
    {
        if (_web is not null)
        {
            using var now = new CancellationTokenSource(TimeSpan.Zero);
            var transport = _transport!.DisposeAsync().AsTask();
            await _web.StopAsync(now.Token);
            await transport;
            await _web.DisposeAsync();
        }

        if (_member is not null)
            await _member.DisposeAsync();
        (_web, _transport, _member) = (null, null, null);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _files.Dispose();
    }
}
