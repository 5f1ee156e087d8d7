namespace EtcdNet.StateMachine.Leases;

/// <summary>A promise to delete keys unless somebody keeps it alive.</summary>
public sealed class Lease
{
    internal Lease(long id, long ttl, long remainingTtl)
    {
        Id = id;
        Ttl = ttl;
        RemainingTtl = remainingTtl;
    }

    /// <summary>Chosen by the client or the server; never 0.</summary>
    public long Id { get; }

    /// <summary>Granted time to live, seconds.</summary>
    public long Ttl { get; }

    /// <summary>Remainder at the last checkpoint, seconds; 0 when there was none.</summary>
    public long RemainingTtl { get; internal set; }

    /// <summary>Guarded by the store's lock.</summary>
    internal HashSet<ReadOnlyMemory<byte>> Keys { get; } = new(KeyComparer.Instance);
}
