using System.Buffers;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc.Index;
using Google.Protobuf;
using Found = EtcdNet.StateMachine.Mvcc.RangeReader.Found;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The changes of one main revision. Everything that can refuse a request is asked before the first change:
/// once a change was made the transaction goes through, and a failing backend ends the process.
/// </summary>
internal sealed class WriteTxn(MvccStore store, IBackend backend)
{
    private readonly ArrayBufferWriter<byte> _record = new(1024);
    private List<StoreEvent> _events = [];
    private long _begin;
    private int _changes;
    private int _operations;

    /// <summary>Newest revision that reads inside the transaction see: its own once it changed something.</summary>
    public long Revision => _changes > 0 ? _begin + 1 : _begin;

    /// <summary>The state with the transaction's own changes.</summary>
    public ReadView View => new(store.Index.Root, Revision, store.WorkingCompactRevision);

    /// <summary>Starts over; the object is used again for every transaction.</summary>
    public void Start(long revision, List<StoreEvent> events)
    {
        _begin = revision;
        _changes = 0;
        _operations = 0;
        _events = events;
    }

    /// <summary>Counts a range, for the metrics.</summary>
    public void NoteRange()
    {
        _operations++;
        store.CountRange();
    }

    /// <summary>The pair of a key as the transaction sees it; null when it does not exist.</summary>
    public KeyValue? Get(ReadOnlySpan<byte> key)
    {
        KeyHistory? item = store.Index.Find(key);
        return item is null || item.Last.IsTombstone ? null : store.Ranges.Read(new Found(item, item.Last));
    }

    /// <summary>Stores a value. The lease must exist or be 0.</summary>
    public void Put(ByteString key, ByteString value, long lease)
    {
        KeyHistory? item = store.Index.Find(key.Span);
        KeyVersion last = item?.Last ?? default;
        bool exists = item is not null && !last.IsTombstone;
        long main = _begin + 1;
        var version = new KeyVersion(main, _changes, exists ? last.Create : main, exists ? last.Version + 1 : 1, lease != 0);
        var pair = new KeyValue
        {
            Key = item is null ? key : UnsafeByteOperations.UnsafeWrap(item.Key),
            CreateRevision = version.Create, ModRevision = main, Version = version.Version, Value = value, Lease = lease,
        };
        version = version with { Size = WriteRecord(version, pair) };
        item = Append(item, key, version, exists);
        if (lease != 0)
            store.Leases.Attach(lease, item.Key);
        else if (exists && last.HasLease)
            store.Leases.Detach(item.Key);
        Note(version, pair, item.PairBeforeLast);
        _operations++;
        store.PutTotal++;
        store.PutBytesTotal += key.Length + value.Length;
    }

    /// <summary>Deletes the keys of a range that exist; adds their pairs to a list when there is one.</summary>
    /// <returns>Number of keys deleted.</returns>
    public long DeleteRange(in KeyRange range, ICollection<KeyValue>? previous)
    {
        List<Found> found = RangeReader.Collect(store.Index.Root, range, _begin + 1);
        if (previous is not null)
        {
            foreach (Found entry in found)
                previous.Add(store.Ranges.Read(entry));
        }
        foreach (Found entry in found)
            Delete(entry);
        _operations++;
        store.DeleteTotal += found.Count;
        return found.Count;
    }

    /// <summary>Ends the transaction.</summary>
    public void End()
    {
        if (_operations > 1)
            store.TxnTotal++;
        if (_changes > 0)
            store.Commit(_begin + 1, _events);
        else
            store.Abandon(_events);
    }

    private void Delete(in Found entry)
    {
        var version = new KeyVersion(_begin + 1, _changes, 0, 0, false);
        ByteString key = UnsafeByteOperations.UnsafeWrap(entry.Item.Key);
        WriteRecord(version, new KeyValue { Key = key });
        entry.Item.Append(version);
        store.Index.ChangeLiveness(entry.Item.Key, -1, version.Main);
        store.QueueForPruning(entry.Item);
        if (entry.Version.HasLease)
            store.Leases.Detach(entry.Item.Key);
        if (store.WatchSink is null)
            _changes++;
        else
            Note(version, new KeyValue { Key = key, ModRevision = version.Main }, entry.Item.PairBeforeLast);
    }

    private KeyHistory Append(KeyHistory? item, ByteString key, in KeyVersion version, bool exists)
    {
        if (item is null)
        {
            item = new KeyHistory(key.ToByteArray(), version);
            store.Index.Insert(item, version.Main);
            return item;
        }
        item.Append(version);
        if (!exists)
            store.Index.ChangeLiveness(item.Key, +1, version.Main);
        store.QueueForPruning(item);
        return item;
    }

    /// <returns>Bytes of the record.</returns>
    private int WriteRecord(in KeyVersion version, KeyValue pair)
    {
        _record.ResetWrittenCount();
        pair.WriteTo(_record);
        uint crc = backend.Put(version.Revision, version.IsTombstone, _record.WrittenSpan);
        store.RecordCount++;
        store.RecordCrcSum += crc;
        return _record.WrittenCount;
    }

    private void Note(in KeyVersion version, KeyValue pair, Revision? previous)
    {
        _changes++;
        if (store.WatchSink is null)
            return;
        Event.Types.EventType type = version.IsTombstone ? Event.Types.EventType.Delete : Event.Types.EventType.Put;
        _events.Add(new StoreEvent(version.Revision, type, pair, previous));
    }
}
