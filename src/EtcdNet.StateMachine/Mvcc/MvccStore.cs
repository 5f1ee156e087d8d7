using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The keys and their history. One thread, the applier's, writes; any thread reads through <see cref="View"/>, without a lock.
/// <para>
/// Readers and compaction: a compaction is published (<see cref="ReadView.CompactRevision"/> moves) before anything is
/// pruned, and pruning for C changes nothing that a read at C or later sees. So a read looks once more at the compact
/// revision after it has its answer: not below it, the answer is right; below it, the answer is thrown away and the reader
/// gets Compacted, or, when it had asked for "now", a newer view. No counters, no waiting, on either side.
/// </para>
/// </summary>
public sealed partial class MvccStore : IHistory
{
    private readonly IBackend _backend;
    private readonly RecordReader _records;
    private readonly RangeReader _ranges;
    private readonly WriteTxn _txn;
    private ReadView _view;
    private long _rangeTotal;

    /// <summary>An empty store at revision 1.</summary>
    public MvccStore(IBackend backend, LeaseStore leases)
    {
        _backend = backend;
        Leases = leases;
        _records = new RecordReader(backend);
        _ranges = new RangeReader(_records);
        _view = new ReadView(Index.Root, 1, -1);
        Index.Seal();
        _txn = new WriteTxn(this, backend);
    }

    /// <summary>Newest published state. Any thread.</summary>
    public ReadView View => Volatile.Read(ref _view);

    /// <inheritdoc/>
    public long CurrentRevision => View.CurrentRevision;

    /// <inheritdoc/>
    public long CompactRevision => Math.Max(0, View.CompactRevision);

    /// <summary>Keys that exist.</summary>
    public long LiveKeys => View.LiveKeys;

    /// <summary>Puts applied since the start.</summary>
    public long PutTotal { get; internal set; }

    /// <summary>Keys deleted since the start.</summary>
    public long DeleteTotal { get; internal set; }

    /// <summary>Ranges answered since the start.</summary>
    public long RangeTotal => Interlocked.Read(ref _rangeTotal);

    /// <summary>Transactions of more than one operation since the start.</summary>
    public long TxnTotal { get; internal set; }

    /// <summary>Bytes of keys and values put since the start.</summary>
    public long PutBytesTotal { get; internal set; }

    /// <summary>Long reads, which the compactor waits for.</summary>
    public ReadPins Pins { get; } = new();

    internal LeaseStore Leases { get; }

    internal KeyIndex Index { get; } = new();

    internal RangeReader Ranges => _ranges;

    /// <summary>Answers a range on the newest state. Any thread.</summary>
    /// <exception cref="EtcdException">FutureRev, Compacted.</exception>
    public RangeResponse Range(RangeRequest request)
    {
        while (true)
        {
            ReadView view = View;
            try
            {
                return Range(request, view);
            }
            catch (EtcdException) when (IsOvertaken(view))
            {
                // What was asked for may still be there in a newer view.
            }
        }
    }

    /// <summary>Answers a range on a view. Any thread.</summary>
    /// <exception cref="EtcdException">FutureRev, Compacted (also when a compaction passed the view).</exception>
    public RangeResponse Range(RangeRequest request, ReadView view)
    {
        CountRange();
        long revision = view.Resolve(request.Revision);
        RangeResponse response;
        try
        {
            response = _ranges.Range(request, view);
        }
        catch (RecordMissingException missing)
        {
            throw Explain(missing, revision);
        }
        ThrowIfCompacted(revision);
        return response;
    }

    /// <summary>Opens a range to be read piece by piece on the newest state; any order but that of the values. Any thread.</summary>
    /// <exception cref="EtcdException">FutureRev, Compacted.</exception>
    public PinnedRange OpenRange(RangeRequest request)
    {
        CountRange();
        return new PinnedRange(this, _records, request);
    }

    /// <summary>Keys that exist in a range now; cheap.</summary>
    public long CountNow(RangeRequest request)
    {
        ReadView view = View;
        return IndexReader.Count(view.Root, KeyRange.Of(request.Key.Memory, request.RangeEnd.Memory), view.CurrentRevision);
    }

    /// <summary>A compaction passed the view: reads of "now" on it cannot be trusted any more.</summary>
    public bool IsOvertaken(ReadView view) => view.CurrentRevision < View.CompactRevision;

    /// <summary>A record that is missing was compacted away under the reader, or else it is lost.</summary>
    internal Exception Explain(RecordMissingException missing, long revision) =>
        revision < View.CompactRevision
            ? EtcdError.Compacted.ToException()
            : new BackendDamagedException(missing.Revision, $"it is missing (read at revision {revision})");

    internal void ThrowIfCompacted(long revision)
    {
        if (revision < View.CompactRevision)
            throw EtcdError.Compacted.ToException();
    }

    /// <inheritdoc/>
    public KeyValue? Read(Revision revision) => _records.TryRead(revision);

    /// <summary>
    /// True when the index refers to the record. Outside of a compactor's pass these are exactly the records that a
    /// checkpoint counts, so a scan for a snapshot can leave the others out. Any thread.
    /// </summary>
    public bool Contains(ReadOnlySpan<byte> key, Revision revision)
    {
        if (IndexReader.Find(View.Root, key) is not { } item)
            return false;
        KeyHistory.VersionList versions = item.Versions;
        int index = versions.LastAtOrBefore(revision.Main);
        while (index >= 0 && versions[index].Revision > revision)
            index--;
        return index >= 0 && versions[index].Revision == revision;
    }

    internal void CountRange() => Interlocked.Increment(ref _rangeTotal);
}
