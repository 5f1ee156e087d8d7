using EtcdNet.Protocol.Mvccpb;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// Told of every write transaction that produced events. Called on the applier's thread, after the transaction's
/// records are stored and its revision is visible to readers, in revision order, each revision once.
/// Must not block.
/// </summary>
public interface IWatchSink
{
    /// <summary>The events of one revision, in order of their sub revisions. The list must not be kept or changed; its events may be kept.</summary>
    void OnEvents(long revision, IReadOnlyList<StoreEvent> events);
}

/// <summary>One change of one key.</summary>
/// <param name="Revision">Where it stands in the history.</param>
/// <param name="Type">Put or delete.</param>
/// <param name="KeyValue">The pair after the change; for a delete only key and mod_revision are set.</param>
/// <param name="Previous">Revision of the pair that the key had at the main revision before; null when it did not exist then, or when a put created it.</param>
public sealed record StoreEvent(Revision Revision, Event.Types.EventType Type, KeyValue KeyValue, Revision? Previous);
