using System.Buffers;
using System.Buffers.Binary;
using EtcdNet.Storage.Records;
using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>Where a read puts what it found. Reused by one reader session.</summary>
internal sealed class ReadSink
{
    private byte[] _buffer = new byte[512];
    private int _length;

    internal bool Found { get; set; }

    /// <summary>True when what was found carries the right checksum.</summary>
    internal bool IsValid { get; private set; }

    /// <summary>Where the bytes of a valid part go, in one copy; null: into <see cref="Bytes"/> with everything else.</summary>
    internal IBufferWriter<byte>? Target { get; set; }

    /// <summary>What was found. With a target only its header.</summary>
    internal ReadOnlySpan<byte> Bytes => _buffer.AsSpan(0, _length);

    internal void Take(in RevisionKey key, ReadOnlySpan<byte> stored)
    {
        if (Found && Target is not null)
            throw new InvalidOperationException($"part {key.Part} of revision {key.Revision} was found twice");
        IsValid = RecordCodec.IsValid(stored, key.Revision, key.Part);
        if (Target is null || !IsValid)
        {
            Keep(stored);
            return;
        }

        Keep(stored[..RecordCodec.HeaderBytes]);
        ReadOnlySpan<byte> bytes = stored[RecordCodec.HeaderBytes..];
        // The first part makes room for those that follow it.
        int room = key.Part == 0 && RecordCodec.Parts(stored) > 1 ? RecordCodec.Parts(stored) * RecordCodec.PartBytesMax : bytes.Length;
        bytes.CopyTo(Target.GetSpan(room));
        Target.Advance(bytes.Length);
    }

    private void Keep(ReadOnlySpan<byte> stored)
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
    /// <summary>
    /// While it is not 0: the header of the part that is written, which stands in the place of the source's first 8 bytes. Those are not read:
    /// the bytes of a part go into the log from where they are, and no room for a header is before them.
    /// </summary>
    internal ulong HeaderOfPart { get; set; }

    public override bool SingleReader(ref RevisionKey key, ref Empty input, ref SpanByte value, ref ReadSink dst, ref ReadInfo readInfo)
    {
        dst.Take(key, value.AsReadOnlySpan());
        return true;
    }

    public override bool ConcurrentReader(ref RevisionKey key, ref Empty input, ref SpanByte value, ref ReadSink dst, ref ReadInfo readInfo)
    {
        dst.Take(key, value.AsReadOnlySpan());
        return true;
    }

    public override bool SingleWriter(
        ref RevisionKey key, ref Empty input, ref SpanByte src, ref SpanByte dst, ref ReadSink output, ref UpsertInfo upsertInfo, WriteReason reason)
    {
        if (HeaderOfPart == 0)
        {
            src.CopyTo(ref dst);
            return true;
        }

        Span<byte> stored = dst.AsSpan();
        if (reason != WriteReason.Upsert || src.Length != stored.Length)
            throw new InvalidOperationException($"a part of {src.Length} bytes was to be written into {stored.Length} ({reason})");
        BinaryPrimitives.WriteUInt64LittleEndian(stored, HeaderOfPart);
        SourceBytes(src).CopyTo(stored[RecordCodec.HeaderBytes..]);
        return true;
    }

    // Without touching what stands before them.
    private static unsafe ReadOnlySpan<byte> SourceBytes(in SpanByte source) =>
        new(source.ToPointer() + RecordCodec.HeaderBytes, source.Length - RecordCodec.HeaderBytes);

    // Only a copy of a record that is still in memory may come here; a new place keeps readers of the old one safe.
    public override bool ConcurrentWriter(
        ref RevisionKey key, ref Empty input, ref SpanByte src, ref SpanByte dst, ref ReadSink output, ref UpsertInfo upsertInfo) => false;
}
