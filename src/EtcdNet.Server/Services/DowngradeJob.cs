using System.Globalization;
using System.Text.RegularExpressions;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Server.Services;

/// <summary>
/// The downgrade of a cluster by one minor version (etcd 3.6): it is agreed through the log, so that every member knows; only
/// one goes on at a time.
/// </summary>
internal sealed partial class DowngradeJob(MemberStore members, IProposer proposer, IReadIndexGate reads)
{
    /// <summary>What Status tells.</summary>
    public DowngradeInfo Info => members.DowngradeTarget is { } target
        ? new DowngradeInfo { Enabled = true, TargetVersion = target }
        : new DowngradeInfo();

    /// <summary>Does what a request asks for.</summary>
    /// <returns>The cluster version, major and minor.</returns>
    /// <exception cref="EtcdException">WrongDowngradeVersionFormat, InvalidDowngradeTargetVersion, DowngradeInProcess, NoInflightDowngrade, ClusterVersionUnavailable.</exception>
    public async ValueTask<string> RunAsync(DowngradeRequest request, CancellationToken cancellation)
    {
        switch (request.Action)
        {
            case DowngradeRequest.Types.DowngradeAction.Validate:
                await ValidateAsync(request.Version, cancellation).ConfigureAwait(false);
                break;
            case DowngradeRequest.Types.DowngradeAction.Enable:
                Version target = await ValidateAsync(request.Version, cancellation).ConfigureAwait(false);
                await ProposeAsync(new DowngradeInfoSetRequest { Enabled = true, Ver = $"{target}.0" }, cancellation).ConfigureAwait(false);
                break;
            case DowngradeRequest.Types.DowngradeAction.Cancel:
                await reads.WaitAsync(cancellation).ConfigureAwait(false);
                if (members.DowngradeTarget is null)
                    throw EtcdError.NoInflightDowngrade.ToException();
                await ProposeAsync(new DowngradeInfoSetRequest(), cancellation).ConfigureAwait(false);
                break;
            default:
                throw new EtcdException(GrpcStatus.Unknown, "etcdserver: unknown method");
        }
        return ClusterVersion().ToString();
    }

    /// <summary>The target, if the cluster could go there now: exactly one minor version down.</summary>
    private async ValueTask<Version> ValidateAsync(string text, CancellationToken cancellation)
    {
        Version target = Parse(text) ?? throw EtcdError.WrongDowngradeVersionFormat.ToException();
        await reads.WaitAsync(cancellation).ConfigureAwait(false);
        Version cluster = ClusterVersion();
        if (target.Major != cluster.Major || target.Minor != cluster.Minor - 1)
            throw EtcdError.InvalidDowngradeTargetVersion.ToException();
        if (members.DowngradeTarget is not null)
            throw EtcdError.DowngradeInProcess.ToException();
        return target;
    }

    private Version ClusterVersion() => Parse(members.ClusterVersion) ?? throw EtcdError.ClusterVersionUnavailable.ToException();

    private async ValueTask ProposeAsync(DowngradeInfoSetRequest change, CancellationToken cancellation) =>
        await proposer.ProposeAsync(new InternalRaftRequest { DowngradeInfoSet = change }, cancellation).ConfigureAwait(false);

    /// <summary>Major and minor of X.Y or of a semantic version; null for anything else.</summary>
    private static Version? Parse(string text)
    {
        Match match = SemanticVersion().Match(text);
        return match.Success && TryNumber(match, 1, out int major) && TryNumber(match, 2, out int minor) ? new Version(major, minor) : null;
    }

    private static bool TryNumber(Match match, int group, out int number) =>
        int.TryParse(match.Groups[group].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out number);

    [GeneratedRegex(@"\A([0-9]+)\.([0-9]+)(\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?)?\z")]
    private static partial Regex SemanticVersion();
}
