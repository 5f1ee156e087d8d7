namespace EtcdNet.Server.Leasing;

/// <summary>Timers and limits of lease expiry; defaults are etcd's (surface 1.5).</summary>
public sealed class LeaseExpirerOptions
{
    /// <summary>Time between two looks for expired leases. Default 500 ms.</summary>
    public TimeSpan ScanInterval { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Revokes proposed per second at most. Default 1000.</summary>
    public int RevokesPerSecondMax { get; init; } = 1000;

    /// <summary>A revoke that failed is proposed again after this time. Default 3 s.</summary>
    public TimeSpan RevokeRetryInterval { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Replicate remaining times, so that a new leader does not start over (gate LeaseCheckpoint). Default off.</summary>
    public bool Checkpoints { get; init; }

    /// <summary>Time between two checkpoints of a lease. Default 5 minutes.</summary>
    public TimeSpan CheckpointInterval { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>Leases in one checkpoint request. Default 1000.</summary>
    public int CheckpointBatchMax { get; init; } = 1000;
}
