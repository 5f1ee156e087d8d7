using System.Buffers.Binary;
using System.Runtime.InteropServices;
using EtcdNet.Storage.Records;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// The records in raw bytes of the log: word of record information, key, length, our bytes, in steps of 8; zeros are unused
/// room. Every record is tested before it is given out.
/// </summary>
internal ref struct RawRecords(StoreDevice device, Span<byte> bytes, long address)
{
    private const int LengthOffset = 8 + RevisionKey.Bytes;
    private const int HeaderBytes = LengthOffset + sizeof(int);
    private const long LinkMask = (1L << 48) - 1;
    private const long LockBits = 0xFFL << 48;
    private const long ValidBit = 1L << 56;

    // "Sealed" and "dirty": FASTER sets them in memory and clears them at a recovery, so they may differ when the sector
    // that a checkpoint ends in is written again. They mean nothing on the disk and are left out of the sums.
    private const long PassingBits = 1L << 57 | 1L << 59;

    private readonly Span<byte> _bytes = bytes;
    private int _at;

    /// <summary>Key of the record that <see cref="MoveNext"/> came to.</summary>
    public RevisionKey Key { get; private set; }

    /// <summary>Its stored bytes.</summary>
    public ReadOnlySpan<byte> Stored { get; private set; }

    /// <summary>Goes to the next record and clears its passing bits in the buffer. False at the end.</summary>
    /// <exception cref="StoreDamagedException">The record is not what was written.</exception>
    public bool MoveNext()
    {
        while (_at < _bytes.Length)
        {
            Span<byte> rest = _bytes[_at..];
            long info = rest.Length >= 8 ? BinaryPrimitives.ReadInt64LittleEndian(rest) : 0;
            if (info == 0)
            {
                _at += 8;
                continue;
            }

            BinaryPrimitives.WriteInt64LittleEndian(rest, info & ~PassingBits);
            Read(rest, info, address + _at);
            _at += (HeaderBytes + Stored.Length + 7) & ~7;
            return true;
        }

        return false;
    }

    private void Read(ReadOnlySpan<byte> rest, long info, long at)
    {
        if ((info & LockBits) != 0 || (info & ValidBit) == 0 || (info & LinkMask) >= at)
            throw device.Damaged(at, $"a record begins with {info:x16}");
        if (rest.Length < HeaderBytes)
            throw device.Damaged(at, "a record's header does not fit");
        int length = BinaryPrimitives.ReadInt32LittleEndian(rest[LengthOffset..]);
        if (length < RecordCodec.HeaderBytes || length > rest.Length - HeaderBytes)
            throw device.Damaged(at, $"a record claims {length} bytes");
        Key = MemoryMarshal.Read<RevisionKey>(rest[8..]);
        Stored = rest.Slice(HeaderBytes, length);
        if (!RecordCodec.IsValid(Stored, Key.Revision, Key.Part))
            throw device.Damaged(at, $"the checksum of revision {Key.Revision} does not match");
    }
}
