namespace EtcdNet.Server.Consensus;

/// <summary>
/// Ids that are unique among the requests in flight of all members (etcd's scheme): 16 bits of the member's id,
/// 40 bits of the start time in milliseconds, 8 bits that together with them are counted up.
/// </summary>
public sealed class RequestIdGenerator
{
    private readonly ulong _prefix;
    private ulong _suffix;

    /// <param name="memberId">Its low 16 bits tell the members apart.</param>
    /// <param name="startTime">Tells the runs of one member apart.</param>
    public RequestIdGenerator(ulong memberId, DateTimeOffset startTime)
    {
        _prefix = memberId << 48;
        _suffix = ((ulong)startTime.ToUnixTimeMilliseconds() & ((1UL << 40) - 1)) << 8;
    }

    /// <summary>The next id. Any thread.</summary>
    public ulong Next() => _prefix | (Interlocked.Increment(ref _suffix) & ((1UL << 48) - 1));
}
