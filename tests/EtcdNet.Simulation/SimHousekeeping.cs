using EtcdNet.Server.Consensus;

namespace EtcdNet.Simulation;

/// <summary>The applier's spare-time work on simulated storage: small slices of compaction, checkpoints, a short log.</summary>
internal sealed class SimHousekeeping(SimMember member, MemberCore core, World world) : IHousekeeping
{
    private readonly EntryTrimmer _trimmer = new(member.Store.Entries, core.State, world.Settings.CatchUpEntries, slack: world.Settings.CheckpointEntries / 4);
    private ulong _checkpointIndex = member.Machine.ConsistentIndex;

    /// <inheritdoc/>
    public bool HasWork => member.Store.Pins == 0 && member.Machine.Compactor.HasWork;

    /// <inheritdoc/>
    public TimeSpan Interval => TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public bool Step()
    {
        world.Mutation.BeforeHousekeeping(member);
        _trimmer.Trim();
        if (!member.Machine.Compactor.IsRunning && member.Machine.ConsistentIndex >= _checkpointIndex + world.Settings.CheckpointEntries)
        {
            _checkpointIndex = member.Machine.ConsistentIndex;
            ulong needed = member.Store.Checkpoint();
            core.Writer.ReleaseBefore(needed);
            world.Say(member, $"makes a checkpoint at entry {_checkpointIndex}, needs the log from {needed}");
        }

        return HasWork && member.Machine.Compactor.Step(2);
    }

    /// <inheritdoc/>
    public void Finish() => throw new InvalidOperationException("a simulated member never stops in peace");
}
