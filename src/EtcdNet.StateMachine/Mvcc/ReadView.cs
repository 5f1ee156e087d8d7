using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The store at one moment: immutable, taken with one volatile read, never waited for. It stays readable until a
/// compaction passes <see cref="CurrentRevision"/>.
/// </summary>
public sealed class ReadView
{
    internal ReadView(IndexNode root, long currentRevision, long compactRevision)
    {
        Root = root;
        CurrentRevision = currentRevision;
        CompactRevision = compactRevision;
    }

    /// <summary>Newest main revision in the view.</summary>
    public long CurrentRevision { get; }

    /// <summary>Latest compaction; −1 when there never was one.</summary>
    public long CompactRevision { get; }

    /// <summary>Keys that exist.</summary>
    public long LiveKeys => Root.Live;

    internal IndexNode Root { get; }

    /// <summary>The revision a request reads at: 0 or less means now.</summary>
    /// <exception cref="Errors.EtcdException">FutureRev, Compacted.</exception>
    public long Resolve(long revision)
    {
        if (revision > CurrentRevision)
            throw Errors.EtcdError.FutureRev.ToException();
        if (revision <= 0)
            return CurrentRevision;
        return revision < CompactRevision ? throw Errors.EtcdError.Compacted.ToException() : revision;
    }
}
