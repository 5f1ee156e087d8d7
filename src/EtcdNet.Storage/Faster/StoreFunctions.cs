using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>Where a read puts what it found. Reused by one reader session.</summary>
internal sealed class ReadSink
{
    private byte[] _buffer = new byte[512];
    private int _length;

    internal bool Found { get; set; }

    internal ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    internal void Take(ReadOnlySpan<byte> stored)
    {
        if (_buffer.Length < stored.Length)
            _buffer = new byte[Math.Max(stored.Length, _buffer.Length * 2)];
        stored.CopyTo(_buffer);
        _length = stored.Length;
        Found = true;
    }
}

/// <summary>What FASTER calls back. Records are written once, so there is nothing to update in place.</summary>
internal sealed class StoreFunctions : FunctionsBase<RevisionKey, SpanByte, Empty, ReadSink, Empty>
{
    public override bool SingleReader(ref RevisionKey key, ref Empty input, ref SpanByte value, ref ReadSink dst, ref ReadInfo readInfo)
    {
        dst.Take(value.AsReadOnlySpan());
        return true;
    }

    public override bool ConcurrentReader(ref RevisionKey key, ref Empty input, ref SpanByte value, ref ReadSink dst, ref ReadInfo readInfo)
    {
        dst.Take(value.AsReadOnlySpan());
        return true;
    }

    public override bool SingleWriter(
        ref RevisionKey key, ref Empty input, ref SpanByte src, ref SpanByte dst, ref ReadSink output, ref UpsertInfo upsertInfo, WriteReason reason)
    {
        src.CopyTo(ref dst);
        return true;
    }

    // Only a copy of a record that is still in memory may come here; a new place keeps readers of the old one safe.
    public override bool ConcurrentWriter(
        ref RevisionKey key, ref Empty input, ref SpanByte src, ref SpanByte dst, ref ReadSink output, ref UpsertInfo upsertInfo) => false;
}
