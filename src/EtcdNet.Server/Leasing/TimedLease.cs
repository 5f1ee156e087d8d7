using EtcdNet.StateMachine.Leases;

namespace EtcdNet.Server.Leasing;

/// <summary>A lease and its time on this member. Guarded by the expirer's lock.</summary>
internal sealed class TimedLease(Lease lease)
{
    /// <summary>Expiry of a lease that nobody times, because this member does not lead.</summary>
    public const long Never = long.MaxValue;

    public Lease Lease { get; } = lease;

    /// <summary>Moment of expiry, in timestamps of the time provider.</summary>
    public long Expiry { get; set; } = Never;

    /// <summary>
    /// Moment at which the heap looks at it next; may be earlier than <see cref="Expiry"/> (it was renewed since), never later,
    /// but for a wait between two revokes.
    /// </summary>
    public long NextLook { get; set; } = Never;

    /// <summary>Moment of the next checkpoint.</summary>
    public long NextCheckpoint { get; set; } = Never;

    /// <summary>Ends when a checkpoint that may be in the log already is applied or given up; null when there is none.</summary>
    public Task? Checkpointing { get; set; }

    /// <summary>A revoke was proposed and its end is not known.</summary>
    public bool Revoking { get; set; }

    /// <summary>False once the lease is gone.</summary>
    public bool Alive { get; set; } = true;

    /// <summary>Completed when the lease is gone or this member stops leading; made when somebody waits.</summary>
    public TaskCompletionSource? Gone { get; set; }
}
