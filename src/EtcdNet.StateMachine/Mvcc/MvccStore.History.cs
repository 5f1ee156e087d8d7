namespace EtcdNet.StateMachine.Mvcc;

/// <summary>The past, for watchers that are behind.</summary>
public sealed partial class MvccStore
{
    /// <inheritdoc/>
    public IHistoryCursor Open(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> rangeEnd, long from, long to)
    {
        ReadView view = View;
        Invariant.Check(to <= view.CurrentRevision);
        ThrowIfCompacted(from);
        return new HistoryCursor(this, _records, KeyRange.Of(key, rangeEnd), from, to);
    }
    /// <summary>Every record in revision order, pinned. Applier's thread, outside of a batch.</summary>
    internal PinnedHistory PinHistory() => new(this, _records);
}
