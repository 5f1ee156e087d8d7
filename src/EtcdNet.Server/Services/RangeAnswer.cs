using System.Buffers;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.Server.Services;

/// <summary>
/// The answer to a large range, in two passes: the first one tells the size, the second one sends. What is no larger than a megabyte is
/// read and kept by the first pass; beyond that it asks the index, which knows the size of all but large records. The second pass gives the same bytes, since the state is pinned; a client
/// that takes longer than <see cref="PinLimit"/> to read them may be cut when a compaction passes its revision.
/// </summary>
internal sealed class RangeAnswer : IEncodedAnswer
{
    /// <summary>How long the compactor waits for one answer.</summary>
    public static readonly TimeSpan PinLimit = TimeSpan.FromSeconds(60);

    private const int PieceBytes = 32 << 10;
    private const int PairsPerMeasure = 1024;
    private const long KeptBytesMax = 1 << 20;

    private readonly PinnedRange _range;
    private readonly ITimer _pinTimer;
    private readonly byte[] _head;
    private readonly byte[] _tail;
    private readonly PooledChunks _kept = new();
    private bool _isKept = true;
    private long _pairBytes;
    private long _written;
    private int _piece = -1;
    private bool _tailWritten;

    /// <param name="range">What is answered; disposed here.</param>
    /// <param name="header">Header of the answer.</param>
    /// <param name="time">Clock of the pin.</param>
    public RangeAnswer(PinnedRange range, ResponseHeader header, TimeProvider time)
    {
        _range = range;
        // Fields in ascending order, as one marshalled message would have them.
        _head = new RangeResponse { Header = header }.ToByteArray();
        _tail = new RangeResponse { More = range.More, Count = range.Count }.ToByteArray();
        _pinTimer = time.CreateTimer(static state => ((PinnedRange)state!).Unpin(), range, PinLimit, Timeout.InfiniteTimeSpan);
    }

    /// <inheritdoc/>
    public long Size => _head.Length + _pairBytes + _tail.Length;

    /// <summary>A slice of the first pass. False when it is done.</summary>
    public bool MeasureNext()
    {
        long bytes = _isKept ? _range.ReadNext(_kept, int.MaxValue, PieceBytes) : _range.MeasureNext(PairsPerMeasure);
        _pairBytes += bytes;
        if (_isKept && _kept.Length > KeptBytesMax)
        {
            _isKept = false;
            _kept.Dispose();
        }
        return bytes > 0;
    }

    /// <summary>The second pass begins.</summary>
    public void Measured()
    {
        if (_isKept)
        {
            _range.Unpin();
            return;
        }
        _range.Rewind();
    }

    /// <inheritdoc/>
    public bool WriteNext(IBufferWriter<byte> destination)
    {
        if (_piece < 0)
        {
            _piece = 0;
            destination.Write(_head);
            _written = _head.Length;
            return true;
        }
        if (WritePairs(destination))
            return true;
        if (_tailWritten)
            return false;
        if (_written != Size - _tail.Length)
            throw new InvalidOperationException($"a range of {Size - _tail.Length} bytes became one of {_written}");
        _tailWritten = true;
        destination.Write(_tail);
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _pinTimer.Dispose();
        _range.Dispose();
        _kept.Dispose();
    }

    private bool WritePairs(IBufferWriter<byte> destination)
    {
        if (_isKept)
        {
            if (!_kept.TryCopy(_piece++, destination))
                return false;
            _written = _head.Length + _pairBytes;
            return true;
        }
        long bytes = _range.ReadNext(destination, int.MaxValue, PieceBytes);
        _written += bytes;
        return bytes > 0;
    }
}
