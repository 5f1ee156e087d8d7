using EtcdNet.Host.Configuration;
using EtcdNet.Peer;
using EtcdNet.Peer.Transport;
using EtcdNet.Server;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Metrics;
using Microsoft.AspNetCore.Http;
using Serilog;

namespace EtcdNet.Host;

/// <summary>The member's part in its cluster: connections to the other members, and what it answers them on the peer port.</summary>
internal sealed class PeerNetwork : IAsyncDisposable
{
    private readonly PeerTransport _transport;
    private readonly PeerEndpoints _endpoints;

    public PeerNetwork(EtcdOptions options, RunningMember member, Func<string> versionJson, MetricsRegistry registry, ILogger log)
    {
        ConsensusStatus self = member.Status.Current;
        var settings = new PeerTransportOptions
        {
            MemberId = self.MemberId,
            ClusterId = self.ClusterId,
            ReadTimeout = options.RaftReadTimeout,
            WriteTimeout = options.RaftWriteTimeout,
            LocalAddress = options.PeerLocalAddress,
            AdvertisedUrls = [.. options.InitialAdvertisePeerUrls.Select(static url => url.Text)],
        };
        _transport = new PeerTransport(settings, new InboxReceiver(member.Peers, member.HearOfRemoval), registry, log);
        _endpoints = new PeerEndpoints(member.Machine.Members, self.ClusterId, versionJson, TimeProvider.System, _transport, member.Questions);
        member.Connect(_transport, _transport, new LeaderClient(_transport));
    }

    /// <summary>Answers one request of another member.</summary>
    public Task HandleAsync(HttpContext context) => _endpoints.HandleAsync(context);

    /// <summary>Closes every connection that this member opened.</summary>
    public ValueTask DisposeAsync() => _transport.DisposeAsync();
}
