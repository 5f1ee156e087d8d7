using System.Runtime.InteropServices;
using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// Every record of a view in revision order, as often as wanted, always with the same outcome: what a finished compaction at
/// <see cref="CompactRevision"/> leaves, up to <see cref="Revision"/>. The past is pinned until <see cref="Dispose"/> or
/// <see cref="Unpin"/>. Not for several threads at once, but for these two.
/// </summary>
/// <remarks>
/// The index is in key order, so revisions are collected from it a window at a time: 16 bytes each, twice the window while it is
/// collected. A window is a share of the whole, so that a large store is not walked through too often.
/// </remarks>
public sealed class PinnedHistory : IDisposable
{
    private const int WindowRowsMin = 1 << 18;
    private const int WindowsMax = 8;

    private readonly MvccStore _store;
    private readonly RecordReader _records;
    private readonly ReadView _view;
    private readonly ReadPins.Pin _pin;
    private readonly int _windowRows;
    private readonly List<Row> _window;

    // Not given back to its pool: who disposes this may be another thread than the one that reads.
    private readonly RecordBuffer _record = new();
    private int _next;
    private Row _last;
    private Row _windowEnd;

    /// <summary>Pins the newest published view. Applier's thread.</summary>
    internal PinnedHistory(MvccStore store, RecordReader records, int? windowRows = null)
    {
        _store = store;
        _records = records;
        _pin = store.Pins.Add();
        _view = store.View;
        _pin.Settle(Math.Max(0, _view.CompactRevision));
        _windowRows = windowRows ?? (int)Math.Clamp(store.RecordCount / WindowsMax, WindowRowsMin, Array.MaxLength / 4);
        // All at once: what is outgrown would stay in memory for a while.
        _window = new List<Row>((int)Math.Min(store.RecordCount, 2L * _windowRows));
    }

    /// <summary>Newest main revision.</summary>
    public long Revision => _view.CurrentRevision;

    /// <summary>Latest compaction; −1 when there never was one.</summary>
    public long CompactRevision => _view.CompactRevision;

    /// <summary>The record that was read last, a marshalled KeyValue.</summary>
    public ReadOnlyMemory<byte> Record => _record.WrittenMemory;

    /// <summary>Lets go of the past: reading goes on for as long as there is no other compaction. Any thread.</summary>
    public void Unpin() => _pin.Dispose();

    /// <inheritdoc/>
    public void Dispose() => _pin.Dispose();

    /// <summary>Begins again with the oldest record.</summary>
    public void Rewind()
    {
        _window.Clear();
        _next = 0;
        _last = _windowEnd = default;
    }

    /// <summary>Reads the next record; it is in <see cref="Record"/> until the next call.</summary>
    /// <returns>False behind the newest one.</returns>
    /// <exception cref="Errors.EtcdException">Compacted, only after <see cref="Unpin"/> or when a leader's state took the place of this one.</exception>
    /// <exception cref="BackendDamagedException">The record is damaged or missing.</exception>
    public bool TryReadNext(out Revision revision, out bool isTombstone)
    {
        _record.Clear();
        (revision, isTombstone) = (default, false);
        if (_next == _window.Count && !FillWindow())
            return false;
        _last = _window[_next++];
        (revision, isTombstone) = (_last.Revision, _last.IsTombstone);
        try
        {
            _records.ReadBytes(revision, isTombstone, _record);
        }
        catch (RecordMissingException missing)
        {
            throw _store.Explain(missing, _view.CompactRevision);
        }
        // Only now: what was read before the check is what it vouches for.
        ThrowIfGone();
        return true;
    }

    private void ThrowIfGone()
    {
        if (_pin.IsReleased)
            _store.ThrowIfCompacted(_view.CompactRevision);
    }

    /// <summary>Collects the oldest records behind what was read.</summary>
    private bool FillWindow()
    {
        var end = new Row(_view.CurrentRevision, uint.MaxValue);
        if (_windowEnd.CompareTo(end) >= 0)
            return false;
        var collector = new Collector(_window, _last, end, _view.CompactRevision, _windowRows);
        IndexReader.Visit(_view.Root, KeyRange.All, ref collector);
        ThrowIfGone();
        _windowEnd = collector.Finish();
        _next = 0;
        return _window.Count > 0;
    }

    /// <summary>A revision and whether it is a tombstone, in 16 bytes.</summary>
    private readonly record struct Row(long Main, uint SubAndTombstone) : IComparable<Row>
    {
        public Row(in KeyVersion version)
            : this(version.Main, ((uint)version.Sub << 1) | (version.IsTombstone ? 1u : 0u))
        {
        }

        public Revision Revision => new(Main, (int)(SubAndTombstone >> 1));

        public bool IsTombstone => (SubAndTombstone & 1) != 0;

        public int CompareTo(Row other) =>
            Main != other.Main ? Main.CompareTo(other.Main) : SubAndTombstone.CompareTo(other.SubAndTombstone);
    }

    private struct Collector : IKeyVisitor
    {
        private readonly List<Row> _rows;
        private readonly Row _after;
        private readonly long _compactRevision;
        private readonly int _rowsMax;
        private Row _end;

        public Collector(List<Row> rows, Row after, Row end, long compactRevision, int rowsMax)
        {
            (_rows, _after, _end, _compactRevision, _rowsMax) = (rows, after, end, compactRevision, rowsMax);
            _rows.Clear();
        }

        public bool Visit(KeyHistory item)
        {
            KeyHistory.VersionList versions = item.Versions;
            // What a finished compaction would have removed does not count, removed or not.
            int first = KeyHistory.PrunableAt(versions, _compactRevision);
            for (int i = versions.LastAtOrBefore(_end.Main); i >= first; i--)
            {
                KeyVersion version = versions[i];
                var row = new Row(version);
                if (row.CompareTo(_after) <= 0)
                    break;
                if (row.CompareTo(_end) <= 0)
                    _rows.Add(row);
            }
            if (_rows.Count >= 2L * _rowsMax)
                Cut();
            return true;
        }

        /// <summary>Sorts what was collected, and tells up to where it is all there is.</summary>
        public Row Finish()
        {
            Cut();
            return _end;
        }

        private void Cut()
        {
            CollectionsMarshal.AsSpan(_rows).Sort();
            if (_rows.Count <= _rowsMax)
                return;
            _rows.RemoveRange(_rowsMax, _rows.Count - _rowsMax);
            _end = _rows[^1];
        }
    }
}
