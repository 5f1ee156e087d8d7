using System.Security.Cryptography;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <summary>The segment being written: knows how much of it is filled and how much of that is on the disk.</summary>
internal sealed class WalSegment : IDisposable
{
    private readonly IDiskFile _file;

    internal WalSegment(IDiskFile file, WalSegmentHeader header, long capacity, long end, uint lastCrc)
    {
        _file = file;
        Header = header;
        Capacity = capacity;
        End = end;
        SyncedEnd = end;
        LastCrc = lastCrc;
    }

    internal WalSegmentHeader Header { get; }

    internal long Capacity { get; }

    /// <summary>Offset behind the last written frame.</summary>
    internal long End { get; private set; }

    /// <summary>Everything before this offset is known to be on the disk.</summary>
    internal long SyncedEnd { get; private set; }

    /// <summary>CRC of the last frame, encoded or written.</summary>
    internal uint LastCrc { get; set; }

    internal void Write(ReadOnlySpan<byte> frames)
    {
        _file.Write(End, frames);
        End += frames.Length;
    }

    internal void Sync()
    {
        _file.Sync();
        SyncedEnd = End;
    }

    public void Dispose() => _file.Dispose();

    internal static uint NewSeed()
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt32(bytes);
    }
}
