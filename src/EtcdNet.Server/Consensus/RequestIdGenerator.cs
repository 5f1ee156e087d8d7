namespace EtcdNet.Server.Consensus;

/// <summary>
/// Ids that no two requests of a cluster share: counted up from a random number of 63 bits (so that they never wrap: they are in order) that every start of every member draws anew.
/// etcd puts 16 bits of the member's id and the time of its start there; two members that share those bits, or a clock that was set back,
/// could then take an equal request of another for the client's own, and answer it before it is in the log.
/// </summary>
/// <param name="first">Random, below 2^63.</param>
public sealed class RequestIdGenerator(ulong first)
{
    private ulong _last = first;

    /// <summary>The next id. Any thread.</summary>
    public ulong Next() => Interlocked.Increment(ref _last);
}
