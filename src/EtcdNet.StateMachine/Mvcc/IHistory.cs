using EtcdNet.Protocol.Mvccpb;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>The past, as watchers that are behind read it. Any thread; never waits for the applier.</summary>
public interface IHistory
{
    /// <summary>Newest revision visible to readers.</summary>
    long CurrentRevision { get; }

    /// <summary>Revision below which history is gone; 0 when nothing was compacted. The revision itself is still readable.</summary>
    long CompactRevision { get; }

    /// <summary>
    /// Opens the events of [key, rangeEnd) (empty rangeEnd: the one key; a single zero byte: all keys from key on)
    /// whose main revision is in [from, to], in revision order.
    /// </summary>
    /// <exception cref="Errors.EtcdException">Compacted: <paramref name="from"/> is not above <see cref="CompactRevision"/> − 1.</exception>
    IHistoryCursor Open(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> rangeEnd, long from, long to);

    /// <summary>Reads the pair stored at a revision (for prev_kv). Null when it was compacted away.</summary>
    KeyValue? Read(Revision revision);
}

/// <summary>Walks through events. Not for several threads at once.</summary>
public interface IHistoryCursor : IDisposable
{
    /// <summary>
    /// Appends the events of whole main revisions until at least <paramref name="maxEvents"/> events were added or the end is reached.
    /// </summary>
    /// <returns>The last main revision that was read completely; the <c>to</c> of the cursor when it is at its end.</returns>
    /// <exception cref="Errors.EtcdException">Compacted, when compaction overtook the cursor.</exception>
    long ReadNext(List<StoreEvent> events, int maxEvents);
}
