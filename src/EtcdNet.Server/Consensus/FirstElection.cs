using EtcdNet.Raft;
using EtcdNet.Server.Membership;
using Serilog;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// Shortens the first election after a start (<c>--initial-election-tick-advance</c>): as soon as the other members are connected, most
/// of the election timeout passes at once. Two ticks are left, so that a leader that there may be is heard first. Without it a cluster
/// that spans continents and has a timeout of a minute would stand still for that minute after each start.
/// </summary>
/// <remarks>
/// As in etcd at least two others must be connected; here the only other one of two is enough too, and never less than an election needs.
/// Given up after five seconds, the time in which a dead connection is noticed: then the timeout has mostly passed anyway.
/// </remarks>
internal sealed class FirstElection(ConsensusState state, Func<IPeerConnections> connections, Action<int> advance, int electionTicks, TimeProvider time, ILogger log)
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);
    private readonly ILogger _log = log.ForContext<FirstElection>();

    /// <summary>Watches the connections until the election is under way. A member that is alone needs no help.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        while (state.Leader == 0 && time.GetElapsedTime(started) < s_patience)
        {
            if (IsConnected())
            {
                _log.Information("initialized peer connections; fast-forwarding election ticks; {ForwardTicks} of {ElectionTicks}", electionTicks - 2, electionTicks);
                advance(electionTicks - 2);
                return;
            }

            await Task.Delay(s_interval, time, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>On the loop's thread: time passes, but not under a leader that was heard meanwhile.</summary>
    public static void Advance(RaftNode node, int ticks)
    {
        for (int i = 0; i < ticks && node.Leader == 0 && node.Role == RaftRole.Follower; i++)
            node.Tick();
    }

    private bool IsConnected()
    {
        ConfState configuration = state.Configuration;
        int voters = configuration.Voters.Count;
        int others = configuration.Voters.Count(id => id != state.MemberId);
        if (others == 0)
            return false;
        int connected = configuration.Voters.Count(id => id != state.MemberId && connections().ActiveSince(id) is not null);
        return connected >= Math.Max(voters / 2, Math.Min(2, others));
    }
}
