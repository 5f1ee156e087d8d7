using System.Net;
using EtcdNet.Peer.Transport;
using EtcdNet.Server.Membership;
using EtcdNet.Server.Metrics;
using EtcdNet.StateMachine.Cluster;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serilog.Core;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>One of our transports, listening on a port of 127.0.0.1.</summary>
internal sealed class TestPeer : IAsyncDisposable
{
    public const ulong ClusterId = 0x8d9fa1f3dd2c1d34;

    private readonly WebApplication _web;

    private TestPeer(WebApplication web, ulong id, Uri url, RecordingReceiver receiver, PeerTransport transport, MetricsRegistry metrics) =>
        (_web, Id, Url, Receiver, Transport, Metrics) = (web, id, url, receiver, transport, metrics);

    public ulong Id { get; }

    public Uri Url { get; }

    public RecordingReceiver Receiver { get; }

    public PeerTransport Transport { get; }

    public MetricsRegistry Metrics { get; }

    public Member Member => new() { Id = Id, PeerUrls = [Url.ToString()] };

    public static async Task<TestPeer> StartAsync(ulong id, Func<PeerTransportOptions, PeerTransportOptions>? configure = null, IPeerReceiver? receiver = null, IPeerQuestions? questions = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0, l => l.Protocols = HttpProtocols.Http1));
        var web = builder.Build();
        PeerEndpoints? endpoints = null;
        web.Run(context => endpoints!.HandleAsync(context));
        await web.StartAsync();
        var url = new Uri(web.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

        var options = new PeerTransportOptions { MemberId = id, ClusterId = ClusterId, AdvertisedUrls = [url.ToString().TrimEnd('/')] };
        options = configure is null ? options : configure(options);
        var recording = receiver as RecordingReceiver ?? new RecordingReceiver();
        var metrics = new MetricsRegistry();
        var transport = new PeerTransport(options, receiver ?? recording, metrics, Logger.None);
        endpoints = new PeerEndpoints(new MemberStore(), options.ClusterId, () => "{}", TimeProvider.System, transport, questions);
        return new TestPeer(web, options.MemberId, url, recording, transport, metrics);
    }

    /// <summary>Tells the transport who the members are.</summary>
    public void Knows(params (ulong Id, Uri Url)[] members) =>
        Transport.MembersChanged([Member, .. members.Select(m => new Member { Id = m.Id, PeerUrls = [m.Url.ToString()] })], []);

    public void Knows(params TestPeer[] members) => Knows([.. members.Select(m => (m.Id, m.Url))]);

    /// <summary>The text of all metrics.</summary>
    public string MetricsText()
    {
        var text = new System.Buffers.ArrayBufferWriter<byte>();
        Metrics.Write(text);
        return System.Text.Encoding.UTF8.GetString(text.WrittenSpan);
    }

    public async ValueTask DisposeAsync()
    {
        await Transport.DisposeAsync();
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await _web.StopAsync(now.Token);
        await _web.DisposeAsync();
    }
}
