using System.Buffers.Binary;
using EtcdNet.Raft;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>Payloads of the frames: fixed little-endian fields, then the entry's data as it is.</summary>
internal static class WalRecord
{
    internal const int MetadataBytes = 16;
    internal const int HardStateBytes = 24;
    internal const int SnapshotBytes = 16;
    internal const int EntryHeaderBytes = 17;

    internal static void Write(Span<byte> payload, in WalMetadata metadata)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(payload, metadata.MemberId);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[8..], metadata.ClusterId);
    }

    internal static void Write(Span<byte> payload, in HardState state)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(payload, state.Term);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[8..], state.Vote);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[16..], state.Commit);
    }

    internal static void Write(Span<byte> payload, in WalSnapshotMark mark)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(payload, mark.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[8..], mark.Term);
    }

    internal static void Write(Span<byte> payload, in Entry entry)
    {
        WriteHeader(payload, entry);
        entry.Data.Span.CopyTo(payload[EntryHeaderBytes..]);
    }

    /// <summary>Without the entry's data.</summary>
    internal static void WriteHeader(Span<byte> payload, in Entry entry)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(payload, entry.Index);
        BinaryPrimitives.WriteUInt64LittleEndian(payload[8..], entry.Term);
        payload[16] = (byte)entry.Type;
    }

    internal static WalMetadata ReadMetadata(ReadOnlySpan<byte> payload) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(payload), BinaryPrimitives.ReadUInt64LittleEndian(payload[8..]));

    internal static HardState ReadHardState(ReadOnlySpan<byte> payload) => new(
        BinaryPrimitives.ReadUInt64LittleEndian(payload),
        BinaryPrimitives.ReadUInt64LittleEndian(payload[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(payload[16..]));

    internal static WalSnapshotMark ReadSnapshot(ReadOnlySpan<byte> payload) =>
        new(BinaryPrimitives.ReadUInt64LittleEndian(payload), BinaryPrimitives.ReadUInt64LittleEndian(payload[8..]));

    internal static ulong ReadEntryIndex(ReadOnlySpan<byte> payload) => BinaryPrimitives.ReadUInt64LittleEndian(payload);

    /// <summary>Copies the data out, since the reader's buffer is reused.</summary>
    internal static Entry ReadEntry(ReadOnlySpan<byte> payload) => new(
        (EntryType)payload[16], BinaryPrimitives.ReadUInt64LittleEndian(payload[8..]),
        BinaryPrimitives.ReadUInt64LittleEndian(payload), payload[EntryHeaderBytes..].ToArray());
}
