using EtcdNet.Server.Consensus;
using EtcdNet.Server.Services;
using Serilog;

namespace EtcdNet.Server;

/// <summary>
/// The writer's spare-time work, a few milliseconds at a time between batches: releasing what a compaction killed, and
/// letting go of log entries that nobody will ask for.
/// </summary>
internal sealed class Housekeeping : IHousekeeping
{
    // A slice must be short against the 100 ms of a heartbeat and long against the cost of a wake-up.
    private const int CompactionKeysPerSlice = 1000;

    private readonly MemberStorage _storage;
    private readonly MemberOptions _options;

    public Housekeeping(MemberStorage storage, MemberOptions options)
    {
        _storage = storage;
        _options = options;
    }

    /// <summary>Clients that wait for a physical compaction.</summary>
    public CompactionWaits Compactions { get; } = new();

    /// <inheritdoc/>
    public bool HasWork => _storage.Machine.Compactor.HasWork;

    /// <inheritdoc/>
    public TimeSpan Interval { get; } = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    public bool Step()
    {
        TrimEntries();
        if (!_storage.Machine.Compactor.HasWork)
            return false;
        _storage.Machine.Compactor.Step(CompactionKeysPerSlice);
        Compactions.Finished(_storage.Machine.Compactor.FinishedRevision);
        return true;
    }

    /// <inheritdoc/>
    public void Finish()
    {
    }

    /// <summary>Keeps in memory what a follower that is a little behind may need, and no more.</summary>
    private void TrimEntries()
    {
        ulong applied = _storage.Machine.AppliedIndex;
        if (applied > _storage.Entries.FirstIndex + (2 * _options.CatchUpEntries))
            _storage.Entries.Compact(applied - _options.CatchUpEntries);
    }
}
