using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server.Tests.Damage;

/// <summary>The batches of a log file, found without the reader that is tested.</summary>
internal sealed class LogEnd
{
    private readonly List<(int Start, int End, uint SyncedBefore, ulong Entry)> _frames = [];

    public LogEnd(byte[] file)
    {
        int at = WalSegmentHeader.Bytes;
        while (WalFrame.TryReadSize(file.AsSpan(at, WalFrame.HeaderBytes), file.Length - at, out int size))
        {
            ReadOnlySpan<byte> frame = file.AsSpan(at, size);
            ulong entry = WalFrame.Type(frame) == WalRecordType.Entry ? WalRecord.ReadEntryIndex(WalFrame.Payload(frame)) : 0;
            _frames.Add((at, at + size, WalFrame.SyncedBefore(frame), entry));
            at += size;
        }
    }

    /// <summary>Where each frame starts and ends.</summary>
    public IEnumerable<int> Edges => _frames.SelectMany(frame => new[] { frame.Start, frame.End }).Distinct();

    /// <summary>True when every batch from the one of the first lost entry on was itself damaged: nothing intact was dropped.</summary>
    public bool IsWipedFrom(ulong firstLost, byte[] before, byte[] after)
    {
        int first = _frames.FindIndex(frame => frame.Entry == firstLost);
        return first >= 0 && _frames.Skip(first).GroupBy(frame => frame.SyncedBefore).All(batch =>
        {
            (int start, int end) = (batch.First().Start, batch.Last().End);
            return end > after.Length || !before.AsSpan(start, end - start).SequenceEqual(after.AsSpan(start, end - start));
        });
    }
}
