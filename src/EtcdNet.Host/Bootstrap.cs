using EtcdNet.Host.Configuration;
using EtcdNet.Peer.Joining;
using EtcdNet.Peer.Transport;
using EtcdNet.Server;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.WriteAhead;
using Serilog;

namespace EtcdNet.Host;

/// <summary>
/// Decides what a start is: a member with data goes on whatever the flags say; one without founds the cluster that the flags
/// describe, or joins the one that they lead to. Everything is checked before the first file is written.
/// </summary>
internal sealed class Bootstrap(EtcdOptions options, ILogger log)
{
    private static readonly TimeSpan JoinPatience = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan FounderPatience = TimeSpan.FromSeconds(3);

    private readonly ILogger _log = log.ForContext<Bootstrap>();
    private InitialCluster _cluster = options.InitialCluster;

    /// <summary>The settings of the member that is to start.</summary>
    /// <exception cref="ConfigurationException">With etcd's text.</exception>
    public async Task<MemberOptions> PrepareAsync(CancellationToken cancellation)
    {
        WalMetadata? joins = null;
        if (!DataDirectory.HasMember(new FileDisk(), options.DataDir))
        {
            // Without it nobody could be asked; a member that has data may wait for its address instead.
            if (options.PeerLocalAddress is { } local)
                BoundDialer.Check(local);
            if (options.DiscoverySrv.Length > 0)
                _cluster = new DnsDiscovery(log).Find(options);
            _cluster.VerifyBootstrap(options.Name, options.InitialAdvertisePeerUrls);
            if (options.IsNewCluster)
                await RefuseSecondFoundingAsync(cancellation).ConfigureAwait(false);
            else
                joins = await JoinAsync(cancellation).ConfigureAwait(false);
        }
        return MemberSettings.From(options, _cluster, joins);
    }

    private IReadOnlyList<EtcdUrl> OwnUrls => _cluster.Members[options.Name];

    private IEnumerable<string> OthersUrls => _cluster.Members
        .Where(member => member.Key != options.Name).SelectMany(static member => member.Value).Select(static url => url.Text);

    /// <summary>
    /// A founder that lost its data must not come back under its old id: it would not know any more what it has voted for and
    /// acknowledged. The others know whether it has run before.
    /// </summary>
    private async Task RefuseSecondFoundingAsync(CancellationToken cancellation)
    {
        ulong self = MemberIds.OfMember(OwnUrls.Select(static url => url.Text), options.InitialClusterToken);
        string[] others = [.. OthersUrls];
        IReadOnlyList<RunningCluster> answers = await AskAsync(FounderPatience, LogLevelOfSilence.Debug, cancellation).ConfigureAwait(false);
        RefuseIfStarted(self, answers);
        if (others.Length > 0 && answers.Count == 0)
            _log.ForContext("peer-urls", others).Warning("nobody could say whether this member has run before: it founds the cluster with the other ones; if it lost its data, stop it before they start");
    }

    private void RefuseIfStarted(ulong self, IReadOnlyList<RunningCluster> answers)
    {
        if (answers.SelectMany(static cluster => cluster.Members).Any(member => member.Id == self && HasStarted(member)))
            throw Fatal($"member {self:x} has already been bootstrapped; its data is not in {options.DataDir}: remove the member from the cluster and add it again (etcdctl member remove, member add)");
    }

    private async Task<WalMetadata> JoinAsync(CancellationToken cancellation)
    {
        IReadOnlyList<RunningCluster> answers = await AskAsync(JoinPatience, LogLevelOfSilence.Warning, cancellation).ConfigureAwait(false);
        if (answers.Count == 0)
            throw Fatal("cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs");
        // One that lags behind does not know this member yet.
        RunningCluster running = answers.Where(cluster => Misfit(cluster) is null).OrderBy(static cluster => cluster.ServerVersion is null).FirstOrDefault()
            ?? throw Fatal(Misfit(answers[0])!);
        CheckVersions(running);
        Member self = running.Members.First(member => Same(member, OwnUrls));
        RefuseIfStarted(self.Id, answers);
        _log.ForContext("cluster-id", $"{running.ClusterId:x}").ForContext("local-member-id", $"{self.Id:x}").Information("joining an existing cluster");
        return new WalMetadata(self.Id, running.ClusterId);
    }

    /// <summary>The flags must describe the cluster as it is, or this member would not find its way in it.</summary>
    private string? Misfit(RunningCluster running)
    {
        string found = string.Join(", ", running.Members.Select(static member => $"{member.Id:x}={string.Join(',', member.PeerUrls)}"));
        if (running.Members.Count != _cluster.Members.Count)
            return $"error validating peerURLs: member count is unequal: the cluster {running.ClusterId:x} has {found}; --initial-cluster={_cluster}";
        foreach (IReadOnlyList<EtcdUrl> urls in _cluster.Members.Values)
        {
            if (!running.Members.Any(member => Same(member, urls)))
                return $"error validating peerURLs: unmatched member while checking PeerURLs ({string.Join(',', urls)}): the cluster {running.ClusterId:x} has {found}";
        }
        return null;
    }

    private static void CheckVersions(RunningCluster running)
    {
        if (running.ServerVersion is null)
            throw Fatal("cannot fetch cluster info from peer urls: no member that knows this one tells its version");
        if (Version.TryParse(running.ClusterVersion, out Version? agreed) && agreed > new Version(EtcdVersion.Cluster))
            throw Fatal($"incompatible with current running cluster: its version is {running.ClusterVersion}, this release can take part up to {EtcdVersion.Cluster}");
    }

    private async Task<IReadOnlyList<RunningCluster>> AskAsync(TimeSpan patience, LogLevelOfSilence level, CancellationToken cancellation)
    {
        using var inquiry = new ClusterInquiry(patience, BoundDialer.NewHandler(options.PeerLocalAddress));
        return await inquiry.AskAsync(OthersUrls, Note, cancellation).ConfigureAwait(false);

        void Note(string url, string reason)
        {
            ILogger line = _log.ForContext("address", url).ForContext("error", reason);
            if (level == LogLevelOfSilence.Warning)
                line.Warning("failed to get cluster response");
            else
                line.Debug("no cluster answers there yet");
        }
    }

    private static bool HasStarted(Member member) => member.ClientUrls.Count > 0 || member.Name.Length > 0;

    private static bool Same(Member member, IReadOnlyList<EtcdUrl> urls) =>
        member.PeerUrls.Order(StringComparer.Ordinal).SequenceEqual(urls.Select(static url => url.Text).Order(StringComparer.Ordinal));

    private static ConfigurationException Fatal(string message) => new(message) { LogMessage = "discovery failed", IsFatal = true };

    private enum LogLevelOfSilence
    {
        Debug,
        Warning,
    }
}
