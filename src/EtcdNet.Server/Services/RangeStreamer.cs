using System.Buffers;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;
using SortOrder = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortTarget;

namespace EtcdNet.Server.Services;

/// <summary>
/// One KV/RangeStream call (etcd 3.7): a range in messages of its own size, all of one revision. Only the last message has
/// header, count and more. The state is pinned for the whole call, up to the limit that <see cref="RangeAnswer"/> has.
/// </summary>
internal sealed class RangeStreamer
{
    private const int PairsFirst = 10;
    private const int PairsMax = 1 << 20;
    private const int BytesPerMessage = 256 << 10;

    private readonly PinnedRange _range;
    private readonly ResponseHeader _header;
    private readonly IResponseStream<RangeStreamResponse> _responses;
    private readonly ArrayBufferWriter<byte> _pairs = new();
    private readonly ArrayBufferWriter<byte> _head = new(64);

    private RangeStreamer(PinnedRange range, ResponseHeader header, IResponseStream<RangeStreamResponse> responses)
    {
        _range = range;
        _header = header;
        _responses = responses;
    }

    /// <exception cref="EtcdException">Unimplemented: an order or a filter for which the whole range would have to be looked at first.</exception>
    public static void Check(RangeRequest request)
    {
        bool isNatural = request.SortOrder == SortOrder.None || (request.SortOrder == SortOrder.Ascend && request.SortTarget == SortTarget.Key);
        if (!isNatural)
            throw new EtcdException(GrpcStatus.Unimplemented, "RangeStream does not support custom sort orders");
        if ((request.MinModRevision | request.MaxModRevision | request.MinCreateRevision | request.MaxCreateRevision) != 0)
            throw new EtcdException(GrpcStatus.Unimplemented, "RangeStream does not support revision filters");
    }

    /// <summary>A range that is streamed is in the order of its keys; what it says of another order means nothing without one.</summary>
    public static RangeRequest InKeyOrder(RangeRequest request)
    {
        RangeRequest ordered = request.Clone();
        ordered.SortTarget = SortTarget.Key;
        return ordered;
    }

    /// <summary>Sends a range that is not <c>count_only</c>.</summary>
    /// <param name="range">What is read.</param>
    /// <param name="headers">Fills in who answered.</param>
    /// <param name="time">Clock of the pin.</param>
    /// <param name="responses">Where the messages go.</param>
    /// <param name="call">Ends the stream.</param>
    public static async Task RunAsync(PinnedRange range, HeaderSource headers, TimeProvider time, IResponseStream<RangeStreamResponse> responses, CallContext call)
    {
        using ITimer pinTimer = time.CreateTimer(
            static state => ((PinnedRange)state!).Unpin(), range, RangeAnswer.PinLimit, Timeout.InfiniteTimeSpan);
        await new RangeStreamer(range, headers.Header(range.CurrentRevision), responses).SendAllAsync(call.Cancellation).ConfigureAwait(false);
    }

    private async Task SendAllAsync(CancellationToken cancellation)
    {
        int pairsMax = PairsFirst;
        bool isLast;
        do
        {
            _pairs.ResetWrittenCount();
            _range.ReadNext(_pairs, pairsMax, BytesPerMessage);
            isLast = _range.IsAtEnd;
            if (isLast)
                _pairs.Write(new RangeResponse { More = _range.More, Count = _range.Count }.ToByteArray());
            await SendAsync(isLast, cancellation).ConfigureAwait(false);
            pairsMax = Math.Min(pairsMax * 2, PairsMax);
        }
        while (!isLast);
    }

    private async ValueTask SendAsync(bool isLast, CancellationToken cancellation)
    {
        byte[] first = isLast ? new RangeResponse { Header = _header }.ToByteArray() : [];
        WriteHead(first, first.Length + _pairs.WrittenCount);
        if (_responses is IRawResponseStream raw)
        {
            await raw.WriteRawAsync(_head.WrittenMemory, _pairs.WrittenMemory, cancellation).ConfigureAwait(false);
            await raw.FlushAsync(cancellation).ConfigureAwait(false);
            return;
        }
        byte[] whole = [.. _head.WrittenSpan, .. _pairs.WrittenSpan];
        await _responses.WriteAsync(RangeStreamResponse.Parser.ParseFrom(whole), cancellation).ConfigureAwait(false);
    }

    /// <summary>Tag and length of the one field of the message, and what stands before the pairs in it.</summary>
    private void WriteHead(ReadOnlySpan<byte> first, int size)
    {
        _head.ResetWrittenCount();
        _head.Write([(byte)WireFormat.MakeTag(RangeStreamResponse.RangeResponseFieldNumber, WireFormat.WireType.LengthDelimited)]);
        uint left = (uint)size;
        for (; left >= 0x80; left >>= 7)
            _head.Write([(byte)(left | 0x80)]);
        _head.Write([(byte)left]);
        _head.Write(first);
    }
}
