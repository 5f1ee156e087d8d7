using EtcdNet.Raft;
using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.WriteAhead;

/// <content>Making a log and finding one again.</content>
public sealed partial class Wal
{
    /// <summary>
    /// Makes an empty log in an empty directory. Left-overs of a start that never finished must have been removed before
    /// (<see cref="DataDirectory"/> does).
    /// </summary>
    public static Wal Create(IDisk disk, string directory, WalMetadata metadata, WalOptions? options = null)
    {
        options ??= new WalOptions();
        ArgumentOutOfRangeException.ThrowIfLessThan(options.SegmentBytes, WalOptions.SegmentBytesMin);
        if (disk.List(directory).Count > 0)
            throw new InvalidOperationException($"{directory} is not empty, a log can not be made there");
        var maker = new WalSegmentMaker(disk, directory, options);
        WalSyncedMark mark = WalSyncedMark.Open(disk, directory);
        (WalSegment segment, string name) = Begin(disk, directory, maker, options, metadata, default, 0, 1, null);
        return new Wal(disk, directory, options, metadata, segment, maker, mark, [(0, 1, name)], default, 0);
    }

    /// <summary>
    /// Reads a log and makes it ready to go on. Entries below <paramref name="fromIndex"/> are checked but not kept. What
    /// an interrupted batch left at the very end is cut off; it was never acknowledged.
    /// </summary>
    /// <exception cref="WalDamagedException">Something that was on the disk is changed or missing.</exception>
    public static (Wal Wal, WalContents Contents) Open(IDisk disk, string directory, ulong fromIndex = 1, WalOptions? options = null)
    {
        options ??= new WalOptions();
        var reader = new WalReader(disk, directory, fromIndex);
        WalContents contents = reader.ReadAll();
        return (Resume(disk, directory, reader, contents, options), contents);
    }

    /// <summary>Goes on where a log that was read ends. The first change to the directory since its start.</summary>
    internal static Wal Resume(IDisk disk, string directory, WalReader reader, WalContents contents, WalOptions options)
    {
        RemoveTemporaries(disk, directory);
        // After a process was killed the kernel shows names and bytes that no power cut would have spared. Whatever was read
        // counts as stored from now on, so it has to be.
        disk.SyncDirectory(directory);
        WalSegment segment = reader.OpenForAppend();
        var maker = new WalSegmentMaker(disk, directory, options);
        WalSyncedMark mark = WalSyncedMark.Open(disk, directory);
        return new Wal(disk, directory, options, contents.Metadata, segment, maker, mark, reader.Segments, contents.HardState, contents.LastIndex);
    }

    /// <summary>Reads and checks a log without changing anything.</summary>
    /// <exception cref="WalDamagedException">Something that was on the disk is changed or missing.</exception>
    public static WalContents Read(IDisk disk, string directory, ulong fromIndex = 1) =>
        new WalReader(disk, directory, fromIndex).ReadAll();

    private static void RemoveTemporaries(IDisk disk, string directory)
    {
        foreach (string name in disk.List(directory))
        {
            if (name.EndsWith(DiskExtensions.TemporarySuffix, StringComparison.Ordinal))
                disk.Delete(Path.Combine(directory, name));
        }
    }

    // Header, metadata and hard state are synced before the file gets its final name.
    private static (WalSegment Segment, string Name) Begin(
        IDisk disk, string directory, WalSegmentMaker maker, WalOptions options, WalMetadata metadata, HardState hardState,
        ulong sequence, ulong firstIndex, WalSegment? previous)
    {
        int metadataEnd = WalSegmentHeader.Bytes + WalFrame.SizeOf(WalRecord.MetadataBytes);
        int end = metadataEnd + WalFrame.SizeOf(WalRecord.HardStateBytes);
        byte[] opening = new byte[end];
        var header = new WalSegmentHeader(
            sequence, firstIndex, WalSegment.NewSeed(), (uint)end, (uint)(previous?.End ?? 0), previous?.LastCrc ?? 0,
            (uint)options.SegmentBytes);
        header.Write(opening);
        Span<byte> frame = opening.AsSpan(WalSegmentHeader.Bytes, WalFrame.SizeOf(WalRecord.MetadataBytes));
        WalRecord.Write(frame[WalFrame.HeaderBytes..], metadata);
        uint crc = WalFrame.Finish(frame, WalRecord.MetadataBytes, WalRecordType.Metadata, 0, 0, header.Seed);
        frame = opening.AsSpan(metadataEnd);
        WalRecord.Write(frame[WalFrame.HeaderBytes..], hardState);
        crc = WalFrame.Finish(frame, WalRecord.HardStateBytes, WalRecordType.HardState, 0, crc, header.Seed);

        (IDiskFile file, string temporary) = maker.Take();
        file.Write(0, opening);
        file.Sync();
        disk.Rename(temporary, Path.Combine(directory, header.FileName));
        disk.SyncDirectory(directory);
        return (new WalSegment(file, header, options.SegmentBytes, end, crc), header.FileName);
    }
}
