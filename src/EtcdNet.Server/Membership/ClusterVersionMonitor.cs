using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using Serilog;

namespace EtcdNet.Server.Membership;

/// <summary>
/// Agrees on the version of the cluster: the leader asks every member for its release and proposes the lowest minor one, when that is
/// higher than what was agreed before (surface section 5.6). While nothing is agreed and somebody does not answer it is "3.0.0".
/// </summary>
internal sealed class ClusterVersionMonitor(
    MemberStore members, IConsensusStatus status, IProposer proposer, Func<IPeerConnections> connections, TimeProvider time, ILogger log)
    : IDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(4);
    private static readonly Version Undecided = new(3, 0);
    private static readonly Version Own = Minor(EtcdVersion.Server)!;

    private readonly ILogger _log = log.ForContext<ClusterVersionMonitor>();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private long? _downgradeLookedAt;

    /// <summary>Time between looks whether a downgrade is done (<c>--downgrade-check-time</c>); zero: it is never done by itself.</summary>
    public TimeSpan DowngradeInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Looks now instead of with the next interval. Any thread.</summary>
    public void Wake()
    {
        try
        {
            _wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // It is about to look anyway.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _wake.Dispose();

    /// <summary>Looks every four seconds until cancelled.</summary>
    /// <exception cref="InvalidOperationException">The cluster has agreed on a version that is newer than this release: it must not take part.</exception>
    public async Task RunAsync(CancellationToken cancellation)
    {
        while (true)
        {
            await WaitAsync(cancellation).ConfigureAwait(false);
            ThrowIfTooOld();
            if (status.Current.IsLeader)
                await DecideAsync(cancellation).ConfigureAwait(false);
        }
    }

    private TimeSpan Pause() =>
        members.DowngradeTarget is not null && DowngradeInterval > TimeSpan.Zero && DowngradeInterval < Interval ? DowngradeInterval : Interval;

    /// <summary>One look, on the leader.</summary>
    public async Task DecideAsync(CancellationToken cancellation)
    {
        Version? agreed = Minor(members.ClusterVersion);
        if (members.DowngradeTarget is { } wanted && Minor(wanted) is { } target)
        {
            await DowngradeAsync(agreed, target, cancellation).ConfigureAwait(false);
            return;
        }
        Version? lowest = await LowestAsync(cancellation).ConfigureAwait(false);
        if (lowest is null && agreed is null)
            lowest = Undecided;
        if (lowest is null || (agreed is not null && lowest <= agreed))
            return;
        await ProposeAsync(agreed, lowest, cancellation).ConfigureAwait(false);
    }

    /// <summary>The cluster goes to the target at once, so that older members may join; when all run the target the downgrade is over.</summary>
    private async Task DowngradeAsync(Version? agreed, Version target, CancellationToken cancellation)
    {
        if (agreed is not null && agreed > target)
            await ProposeAsync(agreed, target, cancellation).ConfigureAwait(false);
        if (DowngradeInterval <= TimeSpan.Zero || (_downgradeLookedAt is { } before && time.GetElapsedTime(before) < DowngradeInterval))
            return;
        _downgradeLookedAt = time.GetTimestamp();
        Version?[] releases = await ReleasesAsync(cancellation).ConfigureAwait(false);
        if (!releases.All(release => release == target))
            return;
        await TryProposeAsync(new InternalRaftRequest { DowngradeInfoSet = new DowngradeInfoSetRequest() }, cancellation).ConfigureAwait(false);
        _downgradeLookedAt = null;
        _log.Information("the cluster has been downgraded to {Target:l}", $"{target}.0");
    }

    private async Task ProposeAsync(Version? agreed, Version version, CancellationToken cancellation)
    {
        var request = new ClusterVersionSetRequest { Ver = $"{version}.0" };
        if (await TryProposeAsync(new InternalRaftRequest { ClusterVersionSet = request }, cancellation).ConfigureAwait(false))
            _log.Information("set the cluster version to {Version:l} (before: {Before:l})", request.Ver, agreed is null ? "none" : $"{agreed}.0");
    }

    private async Task<bool> TryProposeAsync(InternalRaftRequest request, CancellationToken cancellation)
    {
        try
        {
            await proposer.ProposeAsync(request, cancellation).ConfigureAwait(false);
            return true;
        }
        catch (EtcdException error)
        {
            _log.Warning("failed to update the cluster version: {Reason}", error.Message);
            return false;
        }
    }

    /// <exception cref="InvalidOperationException">The cluster is newer than this release.</exception>
    public void ThrowIfTooOld()
    {
        if (Minor(members.ClusterVersion) is { } agreed && agreed > Own)
            throw new InvalidOperationException($"invalid downgrade; server version {EtcdVersion.Server} is lower than the determined cluster version {members.ClusterVersion}");
    }

    /// <summary>Null when a member does not answer.</summary>
    private async ValueTask<Version?> LowestAsync(CancellationToken cancellation)
    {
        Version?[] releases = await ReleasesAsync(cancellation).ConfigureAwait(false);
        return releases.Contains(null) ? null : releases.Min();
    }

    /// <summary>The minor release of each member; null for one that does not answer.</summary>
    private async Task<Version?[]> ReleasesAsync(CancellationToken cancellation)
    {
        ulong self = status.Current.MemberId;
        Task<string?>[] others = [.. members.Members.Where(member => member.Id != self)
            .Select(member => connections().AskServerVersionAsync(member.Id, cancellation).AsTask())];
        string?[] answers = await Task.WhenAll(others).ConfigureAwait(false);
        return [Own, .. answers.Select(static answer => answer is null ? null : Minor(answer))];
    }

    private async Task WaitAsync(CancellationToken cancellation)
    {
        using var timer = new CancellationTokenSource(Pause(), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timer.Token);
        try
        {
            await _wake.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The interval is over.
        }
    }

    private static Version? Minor(string text) =>
        Version.TryParse(text.Split('-', '+')[0], out Version? version) ? new Version(version.Major, version.Minor) : null;
}
