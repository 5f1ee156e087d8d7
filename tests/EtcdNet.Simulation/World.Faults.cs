using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;

namespace EtcdNet.Simulation;

/// <content>What goes wrong.</content>
internal sealed partial class World
{
    private void PlanFault() => Schedule.After(Random.Next(2 * Settings.FaultInterval), () =>
    {
        if (!_faults)
            return;
        Disturb();
        PlanFault();
    });

    private void Disturb()
    {
        FaultWeights weights = Settings.Weights;
        int draw = Random.Next(weights.Sum);
        if ((draw -= weights.Crash) < 0)
            CrashSomething();
        else if ((draw -= weights.Partition) < 0)
            CutSomething();
        else if ((draw -= weights.Disk) < 0)
            DisturbDisk();
        else if ((draw -= weights.Membership) < 0)
            ChangeMembership();
        else if ((draw -= weights.Transfer) < 0)
            TransferLead();
        else if ((draw -= weights.Clock) < 0)
            DisturbClock();
        else if ((draw -= weights.Pause) < 0)
            PauseSomething();
        else
            CompactSomewhere();
    }

    private SimMember? AnyUp()
    {
        SimMember[] up = [.. _members.Where(static member => member.IsUp)];
        return up.Length == 0 ? null : up[Random.Next(up.Length)];
    }

    private SimMember? Victim()
    {
        // Leaders are the interesting ones.
        SimMember[] leaders = [.. _members.Where(static member => member.IsUp && member.Core!.State.IsLeader)];
        return leaders.Length > 0 && Random.Next(2) == 0 ? leaders[Random.Next(leaders.Length)] : AnyUp();
    }

    private TornWrites AnyTorn() => Random.Next(3) == 0 ? TornWrites.LoseAll : TornWrites.LoseSectors;

    private void CrashSomething()
    {
        SimMember[] down = [.. _members.Where(static member => !member.IsUp && !member.HasLeft)];
        if (down.Length > 0 && Random.Next(2) == 0)
        {
            down[Random.Next(down.Length)].Start();
            return;
        }

        if (Random.Next(6) == 0)
        {
            // The whole building: everybody forgets what was not synced, at the same moment.
            foreach (SimMember member in _members.Where(static member => member.IsUp).ToArray())
            {
                member.Crash(AnyTorn());
                PlanRestart(member);
            }

            return;
        }

        if (Victim() is not { } victim)
            return;
        switch (Random.Next(3))
        {
            case 0:
                victim.Crash(AnyTorn());
                break;
            case 1:
                victim.Kill();
                break;
            default:
                victim.CrashAtDiskOperation(Random.Next(8), AnyTorn());
                break;
        }

        PlanRestart(victim);
    }

    /// <summary>A moment at which a fault does the most harm: a vote is being stored, a leader begins, or commits for the first time.</summary>
    public void Tempt(SimMember member, bool cutAtOnce = false)
    {
        if (!_faults || Random.NextDouble() >= Settings.Malice)
            return;
        int life = member.Life;
        if (Settings.IsDuel && !cutAtOnce)
            return;
        if (cutAtOnce && (Settings.IsDuel || Random.Next(2) == 0))
        {
            // What it writes now only it has, until it comes back; and now the one comes back that was cut off before
            // (Raft paper, figure 8).
            if (_cutOff is not null && Random.Next(4) != 0)
                Network.Mend(_cutOff.Id);
            _cutOff = member;
            CutGroups([member]);
            // Time for others to lead: an election takes one to two of these.
            Schedule.After(Random.Next(1, 10) * Settings.ElectionTicks * SimSettings.TickTime, () =>
            {
                Network.Mend(member.Id);
                Tell("net", $"is mended around {member}");
            });
            if (Settings.IsDuel || Random.Next(2) == 0)
                return;
        }

        Schedule.After(Random.Next(6_000), () =>
        {
            if (!_faults || member.Life != life || !member.IsUp)
                return;
            switch (Random.Next(6))
            {
                case 0:
                    CutGroups([member]);
                    break;
                case 1:
                    member.CrashAtDiskOperation(Random.Next(3), AnyTorn());
                    PlanRestart(member, soon: true);
                    break;
                default:
                    member.Crash(AnyTorn());
                    PlanRestart(member, soon: Random.Next(2) == 0);
                    break;
            }
        });
    }

    private void PlanRestart(SimMember member, bool soon = false)
    {
        if (!soon && Random.Next(4) == 0)
            return; // stays down until somebody starts it
        Schedule.After(Random.Next(soon ? 20_000 : 400_000), () =>
        {
            if (_faults && !member.IsUp && !member.HasLeft)
                Restart(member);
        });
    }

    private void Restart(SimMember member)
    {
        // The clock on the wall may have been set while the machine was down.
        if (Random.Next(3) == 0)
            member.Clock.WallError = TimeSpan.FromMilliseconds(Random.Next(-500, 500));
        member.Start();
    }

    private void CutSomething()
    {
        if (Network.CutCount > 0 && Random.Next(2) == 0)
        {
            Network.Heal();
            Tell("net", "is whole again");
            return;
        }

        if (Victim() is not { } victim)
            return;
        switch (Random.Next(4))
        {
            case 0:
                CutGroups(_members.Where(_ => Random.Next(2) == 0).ToHashSet());
                break;
            case 1:
                CutGroups([victim]);
                break;
            case 2:
                foreach (SimMember other in _members.Where(other => other != victim && Random.Next(2) == 0))
                    Network.Cut(victim.Id, other.Id);
                Tell("net", $"carries only some of what {victim} says");
                break;
            default:
                foreach (SimMember other in _members.Where(other => other != victim))
                    Network.Cut(other.Id, victim.Id);
                Tell("net", $"carries nothing to {victim}");
                break;
        }
    }

    private void CutGroups(HashSet<SimMember> group)
    {
        foreach (SimMember inside in group)
        {
            foreach (SimMember outside in _members.Where(member => !group.Contains(member)))
            {
                Network.Cut(inside.Id, outside.Id);
                Network.Cut(outside.Id, inside.Id);
            }
        }

        Tell("net", $"is cut around {string.Join(' ', group.OrderBy(static member => member.Number))}");
    }

    private void DisturbDisk()
    {
        if (Victim() is not { } victim)
            return;
        if (Random.Next(2) == 0)
        {
            victim.DiskDelay = victim.DiskDelay > 0 ? 0 : Random.Next(2_000, 40_000);
            Say(victim, $"has a disk that takes {victim.DiskDelay} µs more");
            return;
        }

        int stall = Random.Next(400_000);
        victim.DiskStalledUntil = Schedule.Now + stall;
        Say(victim, $"has a disk that hangs for {stall} µs");
    }

    private void DisturbClock()
    {
        if (AnyUp() is not { } member)
            return;
        member.Clock.Rate = Random.Next(3) == 0 ? 1 : 0.7 + (Random.NextDouble() * 0.8);
        Say(member, $"has a clock of rate {member.Clock.Rate:F2}");
    }

    private void PauseSomething()
    {
        if (Victim() is not { } victim)
            return;
        int pause = Random.Next(300_000);
        victim.PausedUntil = Schedule.Now + pause;
        Say(victim, $"does not run for {pause} µs");
    }

    private void TransferLead()
    {
        if (AnyUp() is not { } asked)
            return;
        SimMember to = _members[Random.Next(_members.Count)];
        Say(asked, $"is asked to hand over to {to}");
        asked.Core!.Loop.TransferLeader(to.Id);
        asked.PlanLoop(0);
    }

    private void CompactSomewhere()
    {
        if (AnyUp() is not { } member || member.Machine.Store.CurrentRevision <= member.Machine.Store.CompactRevision)
            return;
        long revision = member.Machine.Store.CurrentRevision - Random.Next(10);
        if (revision <= member.Machine.Store.CompactRevision)
            return;
        Say(member, $"is asked to compact at {revision}");
        var request = new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } };
        ProposeAndForget(member, request);
    }

    private static void ProposeAndForget(SimMember member, InternalRaftRequest request)
    {
        try
        {
            // Nobody waits for the answer; the member forgets it when its time is over.
            _ = member.Core!.Proposer.ProposeAsync(request, default);
        }
        catch (StateMachine.Errors.EtcdException)
        {
            return;
        }

        member.PlanLoop(0);
    }
}
