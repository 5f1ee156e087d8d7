using System.Buffers;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using Google.Protobuf;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// A range that is read piece by piece, as often as wanted, always with the same outcome: the state is pinned until
/// <see cref="Dispose"/> or <see cref="Unpin"/>. What comes out are the bytes of the <c>kvs</c> fields of a RangeResponse, for
/// the most part copies of the stored records, so that neither the answer nor its pairs are ever in memory as a whole.
/// Not for several threads at once, but for <see cref="Unpin"/>.
/// </summary>
public sealed class PinnedRange : IDisposable
{
    private const int PairsPerLook = 256;

    private readonly MvccStore _store;
    private readonly RecordReader _records;
    private readonly RangeRequest _request;
    private readonly ReadView _view;
    private readonly ReadPins.Pin _pin;
    private readonly long _revision;
    private readonly List<RangeReader.Found>? _ordered;
    private readonly List<RangeReader.Found> _look = new(PairsPerLook);
    private readonly RecordBuffer _record = new();
    private int _place;
    private long _read;
    private ReadOnlyMemory<byte>? _from;

    /// <exception cref="Errors.EtcdException">FutureRev, Compacted.</exception>
    internal PinnedRange(MvccStore store, RecordReader records, RangeRequest request)
    {
        _store = store;
        _records = records;
        _request = request;
        _pin = store.Pins.Add();
        try
        {
            _view = store.View;
            _revision = _view.Resolve(request.Revision);
            _pin.Settle(_revision);
            KeyRange range = KeyRange.Of(request.Key.Memory, request.RangeEnd.Memory);
            Count = Index.IndexReader.Count(_view.Root, range, _revision);
            long left = Count;
            if (!RangeReader.IsInKeyOrder(request))
            {
                _ordered = RangeReader.Order(request, _view.Root, range, _revision);
                left = _ordered.Count;
            }
            Pairs = request.Limit > 0 ? Math.Min(request.Limit, left) : left;
            More = Pairs < left;
            Rewind();
        }
        catch
        {
            _pin.Dispose();
            throw;
        }
    }

    /// <summary>Revision of the view, for the header.</summary>
    public long CurrentRevision => _view.CurrentRevision;

    /// <summary>Keys in the range, whatever limit and filters say.</summary>
    public long Count { get; }

    /// <summary>Pairs that will be read.</summary>
    public long Pairs { get; }

    /// <summary>The limit leaves some out.</summary>
    public bool More { get; }

    /// <summary>All pairs were read.</summary>
    public bool IsAtEnd => _read == Pairs;

    /// <summary>Lets go of the state: reading goes on for as long as no compaction passes. Any thread.</summary>
    public void Unpin() => _pin.Dispose();

    /// <inheritdoc/>
    public void Dispose()
    {
        _pin.Dispose();
        _record.Dispose();
    }

    /// <summary>Begins again with the first pair.</summary>
    public void Rewind()
    {
        _read = 0;
        _place = 0;
        _look.Clear();
        _from = _request.Key.Memory;
    }

    /// <summary>Appends the next pairs: at most so many, and no more once so many bytes were added.</summary>
    /// <returns>How many bytes were added; 0 at the end.</returns>
    /// <exception cref="Errors.EtcdException">Compacted, only after <see cref="Unpin"/>.</exception>
    /// <exception cref="BackendDamagedException">A record is damaged or missing.</exception>
    public long ReadNext(IBufferWriter<byte> destination, int pairsMax, int bytesEnough)
    {
        long bytes = 0;
        for (int pairs = 0; pairs < pairsMax && bytes < bytesEnough && _read < Pairs; pairs++, _read++)
            bytes += Write(Next(), destination);
        // Only now: what was read before the check is what it vouches for.
        if (_pin.IsReleased)
            _store.ThrowIfCompacted(_revision);
        return bytes;
    }

    /// <summary>
    /// Goes over the next pairs as <see cref="ReadNext"/> does, but only to learn how many bytes they are; for the most part the index knows.
    /// </summary>
    /// <exception cref="Errors.EtcdException">Compacted, only after <see cref="Unpin"/>.</exception>
    /// <exception cref="BackendDamagedException">A record is damaged or missing.</exception>
    public long MeasureNext(int pairsMax)
    {
        long bytes = 0;
        for (int pairs = 0; pairs < pairsMax && _read < Pairs; pairs++, _read++)
        {
            RangeReader.Found found = Next();
            int size = _request.KeysOnly ? PairOf(found).CalculateSize() : SizeOf(found);
            bytes += PrefixSize(size) + size;
        }
        if (_pin.IsReleased)
            _store.ThrowIfCompacted(_revision);
        return bytes;
    }

    private int SizeOf(in RangeReader.Found found)
    {
        if (found.Version.Size > 0)
            return found.Version.Size;
        ReadRecord(found);
        return _record.WrittenSpan.Length;
    }

    private KeyValue PairOf(in RangeReader.Found found)
    {
        try
        {
            return _records.Read(found.Item, found.Version, withValue: false);
        }
        catch (RecordMissingException missing)
        {
            throw _store.Explain(missing, _revision);
        }
    }

    private RangeReader.Found Next()
    {
        if (_ordered is not null)
            return _ordered[_place++];
        if (_place == _look.Count)
            Look();
        return _look[_place++];
    }

    private void Look()
    {
        _look.Clear();
        _place = 0;
        if (_from is { } from)
            RangeReader.Collect(_view.Root, KeyRange.Of(from, _request.RangeEnd.Memory), _revision, PairsPerLook, _look);
        if (_look.Count == 0)
        {
            if (_pin.IsReleased)
                _store.ThrowIfCompacted(_revision);
            throw new InvariantException($"a pinned range of {Pairs} pairs ended after {_read}");
        }
        byte[] last = _look[^1].Item.Key;
        byte[] next = new byte[last.Length + 1];
        last.CopyTo(next, 0);
        _from = next;
    }

    private int Write(in RangeReader.Found found, IBufferWriter<byte> destination)
    {
        const int PrefixMax = 1 + 5;
        if (_request.KeysOnly)
        {
            KeyValue pair = PairOf(found);
            int size = pair.CalculateSize();
            Span<byte> whole = destination.GetSpan(PrefixMax + size);
            int prefix = WritePrefix(whole, size);
            pair.WriteTo(whole.Slice(prefix, size));
            destination.Advance(prefix + size);
            return prefix + size;
        }
        ReadRecord(found);
        ReadOnlySpan<byte> record = _record.WrittenSpan;
        Span<byte> span = destination.GetSpan(PrefixMax + record.Length);
        int length = WritePrefix(span, record.Length);
        record.CopyTo(span[length..]);
        destination.Advance(length + record.Length);
        return length + record.Length;
    }

    private void ReadRecord(in RangeReader.Found found)
    {
        _record.Clear();
        try
        {
            _records.Verify(found.Item, found.Version, _record);
        }
        catch (RecordMissingException missing)
        {
            throw _store.Explain(missing, _revision);
        }
    }

    private static int PrefixSize(int size) => 1 + CodedOutputStream.ComputeUInt32Size((uint)size);

    /// <summary>Tag and length of a <c>kvs</c> field.</summary>
    private static int WritePrefix(Span<byte> span, int size)
    {
        span[0] = (byte)WireFormat.MakeTag(RangeResponse.KvsFieldNumber, WireFormat.WireType.LengthDelimited);
        int at = 1;
        uint left = (uint)size;
        for (; left >= 0x80; left >>= 7)
            span[at++] = (byte)(left | 0x80);
        span[at++] = (byte)left;
        return at;
    }
}
