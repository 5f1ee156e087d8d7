using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace EtcdNet.Grpc.Transport;

/// <summary>
/// Stands between the connection and Kestrel's HTTP/2 reader. It follows the frames, repairs <c>:authority</c> values that
/// Kestrel would refuse (see <see cref="AuthorityRepair"/>) and counts the client's _pings (see <see cref="PingPolicy"/>).
/// </summary>
/// <remarks>
/// Only bytes that are "clear" are shown to Kestrel: a header block is held back until it is complete, so that it can be
/// changed in place even when it is spread over CONTINUATION frames or reads. All else passes as it comes. Anything that
/// is not plain HTTP/2, or a header block beyond the limit, switches the guard off: judging it is Kestrel's business.
/// </remarks>
internal sealed class Http2InputGuard : PipeReader, IValueTaskSource<ReadResult>
{
    private const int FrameHeaderSize = 9;
    private const byte TypeHeaders = 1;
    private const byte TypePing = 6;
    private const byte TypeContinuation = 9;
    private const byte FlagAck = 0x1;
    private const byte FlagEndHeaders = 0x4;
    private const byte FlagPadded = 0x8;
    private const byte FlagPriority = 0x20;

    private static readonly byte[] TooManyPings =
        [0, 0, 22, 7, 0, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0xb, .. "too_many_pings"u8];

    private readonly PipeReader _inner;
    private readonly PingPolicy _pings;
    private readonly Http2OutputGuard _output;
    private readonly int _maxHeaderBlock;
    private readonly Action _continue;
    private ManualResetValueTaskSourceCore<ReadResult> _waiting;
    private ConfiguredValueTaskAwaitable<ReadResult>.ConfiguredValueTaskAwaiter _reading;
    private CancellationToken _waitingCancellation;
    private ReadOnlySequence<byte> _buffer;
    private SequencePosition _shownEnd;
    private long _clear;
    private long _skip;
    private bool _prefaceSeen;
    private bool _off;

    public Http2InputGuard(PipeReader inner, PingPolicy pings, Http2OutputGuard output, int maxHeaderBlock)
    {
        _inner = inner;
        _pings = pings;
        _output = output;
        _maxHeaderBlock = maxHeaderBlock;
        _continue = Continue;
        output.Shut = inner.CancelPendingRead;
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!_inner.TryRead(out result))
            return false;
        if (Show(ref result))
            return true;
        _inner.AdvanceTo(result.Buffer.Start, _buffer.End);
        return false;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_output.IsShut)
            return ValueTask.FromResult(new ReadResult(default, isCanceled: false, isCompleted: true));
        var reading = _inner.ReadAsync(cancellationToken);
        while (reading.IsCompletedSuccessfully)
        {
            var result = reading.Result;
            if (Show(ref result))
                return ValueTask.FromResult(result);
            _inner.AdvanceTo(result.Buffer.Start, _buffer.End);
            reading = _inner.ReadAsync(cancellationToken);
        }

        _waiting.Reset();
        _waitingCancellation = cancellationToken;
        _reading = reading.ConfigureAwait(false).GetAwaiter();
        _reading.UnsafeOnCompleted(_continue);
        return new ValueTask<ReadResult>(this, _waiting.Version);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_output.IsShut && _buffer.IsEmpty)
            return;
        _clear -= _buffer.Slice(_buffer.Start, consumed).Length;
        // Whoever looked at all that was shown waits for more, and more comes only when what is held back is looked at too.
        bool lookedAtAll = _buffer.Slice(examined).Length == _buffer.Slice(_shownEnd).Length;
        var end = lookedAtAll ? _buffer.End : examined;
        _buffer = default;
        _inner.AdvanceTo(consumed, end);
    }

    public override void CancelPendingRead() => _inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _inner.CompleteAsync(exception);

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token) => _waiting.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _waiting.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _waiting.OnCompleted(continuation, state, token, flags);

    /// <summary>The inner read has ended: hand on what is clear, or read on. By hand, because an async method allocates here.</summary>
    private void Continue()
    {
        try
        {
            while (true)
            {
                var result = _reading.GetResult();
                if (Show(ref result))
                {
                    _waiting.SetResult(result);
                    return;
                }

                _inner.AdvanceTo(result.Buffer.Start, _buffer.End);
                var reading = _inner.ReadAsync(_waitingCancellation);
                _reading = reading.ConfigureAwait(false).GetAwaiter();
                if (_reading.IsCompleted)
                    continue;
                _reading.UnsafeOnCompleted(_continue);
                return;
            }
        }
        catch (Exception error)
        {
            _waiting.SetException(error);
        }
    }

    /// <summary>Cuts the result to what is clear. False when that is nothing and there is more to come.</summary>
    private bool Show(ref ReadResult result)
    {
        if (_output.IsShut)
        {
            _inner.AdvanceTo(result.Buffer.End);
            _buffer = default;
            result = new ReadResult(default, isCanceled: false, isCompleted: true);
            return true;
        }

        _buffer = result.Buffer;
        if (!_off && !result.IsCompleted)
            Scan();
        if (_off || result.IsCompleted)
            _clear = _buffer.Length;
        _shownEnd = _buffer.GetPosition(_clear);
        if (_clear == _buffer.Length)
            return true;
        if (_clear == 0 && !result.IsCanceled)
            return false;
        result = new ReadResult(_buffer.Slice(0, _clear), result.IsCanceled, result.IsCompleted);
        return true;
    }

    private void Scan()
    {
        var reader = new SequenceReader<byte>(_buffer);
        reader.Advance(_clear);
        while (!_off && reader.Remaining > 0)
        {
            if (_skip > 0)
            {
                long step = Math.Min(_skip, reader.Remaining);
                reader.Advance(step);
                _skip -= step;
            }
            else if (!(_prefaceSeen ? ScanFrame(ref reader) : ScanPreface(ref reader)))
            {
                break;
            }
        }

        _clear = reader.Consumed;
    }

    private bool ScanPreface(ref SequenceReader<byte> reader)
    {
        var preface = Http2Preface.Judge(_buffer);
        if (preface == PrefaceVerdict.Undecided)
            return false;
        _prefaceSeen = true;
        _off = preface == PrefaceVerdict.NotHttp2;
        if (!_off)
            reader.Advance(Http2Preface.Length);
        return !_off;
    }

    /// <summary>Steps over one frame header, or a whole header block. False when too little is there.</summary>
    private bool ScanFrame(ref SequenceReader<byte> reader)
    {
        Span<byte> header = stackalloc byte[FrameHeaderSize];
        if (!reader.TryCopyTo(header))
            return false;
        int length = PayloadLength(header);
        if (header[3] == TypeHeaders)
            return ScanHeaderBlock(ref reader);
        if (header[3] == TypePing && (header[4] & FlagAck) == 0 && _pings.PingArrived())
            _output.SendAway(TooManyPings);
        reader.Advance(FrameHeaderSize);
        _skip = length;
        return true;
    }

    /// <summary>Takes HEADERS and its CONTINUATIONs together, or nothing.</summary>
    private bool ScanHeaderBlock(ref SequenceReader<byte> reader)
    {
        var ahead = reader;
        Span<byte> header = stackalloc byte[FrameHeaderSize];
        bool first = true;
        bool last = false;
        while (!last)
        {
            if (ahead.Consumed - reader.Consumed > _maxHeaderBlock)
            {
                _off = true;
                return false;
            }

            if (!ahead.TryCopyTo(header))
                return false;
            int length = PayloadLength(header);
            if ((!first && header[3] != TypeContinuation) || length > _maxHeaderBlock)
            {
                _off = true;
                return false;
            }

            if (ahead.Remaining < FrameHeaderSize + length)
                return false;
            ahead.Advance(FrameHeaderSize + length);
            last = (header[4] & FlagEndHeaders) != 0;
            first = false;
        }

        RepairBlock(reader.UnreadSequence.Slice(0, ahead.Consumed - reader.Consumed));
        reader = ahead;
        return true;
    }

    private static void RepairBlock(in ReadOnlySequence<byte> frames)
    {
        if (frames.IsSingleSegment)
        {
            var span = Writable(frames.First);
            if (PayloadLength(span) + FrameHeaderSize == span.Length)
            {
                var (start, end) = Fragment(span, 0);
                if (start <= end)
                    AuthorityRepair.Repair(span[start..end]);
                return;
            }
        }

        RepairScattered(frames);
    }

    /// <summary>The block is in several frames or memory segments: gathered, repaired and put back.</summary>
    private static void RepairScattered(in ReadOnlySequence<byte> frames)
    {
        int total = (int)frames.Length;
        byte[] copy = ArrayPool<byte>.Shared.Rent(total);
        byte[] block = ArrayPool<byte>.Shared.Rent(total);
        try
        {
            frames.CopyTo(copy);
            int blockLength = ForEachFragment(copy.AsSpan(0, total), block, gather: true);
            if (AuthorityRepair.Repair(block.AsSpan(0, blockLength)))
            {
                ForEachFragment(copy.AsSpan(0, total), block, gather: false);
                PutBack(frames, copy);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(copy);
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private static int ForEachFragment(Span<byte> frames, Span<byte> block, bool gather)
    {
        int filled = 0;
        for (int at = 0; at < frames.Length; at += FrameHeaderSize + PayloadLength(frames[at..]))
        {
            var (start, end) = Fragment(frames, at);
            if (start > end)
                return 0;
            var fragment = frames[start..end];
            var part = block.Slice(filled, fragment.Length);
            if (gather)
                fragment.CopyTo(part);
            else
                part.CopyTo(fragment);
            filled += fragment.Length;
        }

        return filled;
    }

    private static void PutBack(in ReadOnlySequence<byte> frames, byte[] copy)
    {
        int at = 0;
        foreach (var segment in frames)
        {
            copy.AsSpan(at, segment.Length).CopyTo(Writable(segment));
            at += segment.Length;
        }
    }

    /// <summary>Where the header block fragment of the frame at an offset begins and ends; begin > end when it is malformed.</summary>
    private static (int Start, int End) Fragment(ReadOnlySpan<byte> frames, int at)
    {
        int start = at + FrameHeaderSize;
        int end = start + PayloadLength(frames[at..]);
        if (frames[at + 3] != TypeHeaders)
            return (start, end);
        byte flags = frames[at + 4];
        if ((flags & FlagPadded) != 0)
        {
            if (start == end)
                return (1, 0);
            end -= frames[start++];
        }

        if ((flags & FlagPriority) != 0)
            start += 5;
        return (start, end);
    }

    private static int PayloadLength(ReadOnlySpan<byte> header) =>
        (header[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header[1..]);

    /// <summary>The pipe's memory is ours until Kestrel sees it, and it is plain array memory: changing it is sound.</summary>
    private static Span<byte> Writable(ReadOnlyMemory<byte> memory) => MemoryMarshal.AsMemory(memory).Span;
}
