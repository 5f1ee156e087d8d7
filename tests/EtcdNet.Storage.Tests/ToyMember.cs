using System.Buffers;
using EtcdNet.Raft;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Checkpoints;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Storage.Tests;

/// <summary>
/// The smallest member: entry i becomes revision i with the entry's bytes. It recovers as the real one does (scan, compare
/// count and sum, replay) and can check that every entry is readable.
/// </summary>
internal sealed class ToyMember : IDisposable
{
    internal static readonly MemberFilesOptions KillOptions = OptionsOf(1 << 20);
    internal static readonly MemberFilesOptions SimOptions = OptionsOf(64 << 10);
    internal static readonly WalMetadata Identity = new(7, 9);
    private readonly HashSet<Revision> _known = [];
    private ulong _sum;

    internal ToyMember(IDisk disk, string directory, MemberFilesOptions options)
    {
        Store = MemberFiles.Open(disk, directory, options);
        try
        {
            Store.Start(Identity, Load);
            foreach (Entry entry in Store.Contents.Entries)
            {
                if (!_known.Contains(new Revision((long)entry.Index, 0)))
                    Apply(entry);
            }
        }
        catch
        {
            Store.Dispose();
            throw;
        }
    }

    internal MemberFiles Store { get; }

    internal ulong LastIndex => Store.Wal.LastIndex;

    internal int RecordCount => _known.Count;

    public void Dispose() => Store.Dispose();

    internal static byte[] BytesOf(ulong index, int bytesMax)
    {
        var random = new Random((int)index);
        byte[] bytes = new byte[random.Next(bytesMax)];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>One group commit, then the entries are applied.</summary>
    internal void Write(Random random, int count, int bytesMax)
    {
        ulong first = LastIndex + 1;
        List<Entry> entries = [.. Enumerable.Range(0, count).Select(i => new Entry(EntryType.Normal, 1, first + (ulong)i, BytesOf(first + (ulong)i, bytesMax)))];
        Store.Wal.Save(new HardState(1, 1, first - 1), entries);
        foreach (Entry entry in entries)
            Apply(entry);
        if (random.Next(20) == 0)
            Store.Wal.ReleaseBefore(Store.Checkpointer.LowestNeededIndex);
    }

    internal Task<CheckpointResult> Checkpoint() =>
        Store.Checkpointer.Begin(new StateImage(LastIndex, 1, (long)LastIndex, 0, 0, _known.Count, _sum, new byte[10]));

    internal void AssertComplete(ulong atLeast, int bytesMax)
    {
        Assert.True(LastIndex >= atLeast, $"entry {atLeast} was acknowledged, the log ends at {LastIndex}");
        for (ulong index = 1; index <= LastIndex; index++)
        {
            var read = new ArrayBufferWriter<byte>();
            Assert.True(Store.Backend.TryRead(new Revision((long)index, 0), read, out _), $"revision {index} of {LastIndex} is gone");
            Assert.True(read.WrittenSpan.SequenceEqual(BytesOf(index, bytesMax)));
        }
    }

    private static MemberFilesOptions OptionsOf(int segmentBytes) => new()
    {
        CatchUpEntries = 5,
        Wal = new WalOptions { SegmentBytes = segmentBytes, PrepareAhead = false },
        Faster = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 1 << 20 },
    };

    private void Load(FasterBackend backend, Checkpoint? checkpoint)
    {
        _known.Clear();
        _sum = 0;
        if (checkpoint is null)
            return;
        backend.Scan((revision, info, _) =>
        {
            if (_known.Add(revision))
                _sum += info.Crc;
        });
        if (_known.Count != checkpoint.Image.RecordCount || _sum != checkpoint.Image.RecordCrcSum)
            throw new InvalidDataException($"{_known.Count} records instead of {checkpoint.Image.RecordCount}");
    }

    private void Apply(Entry entry)
    {
        var revision = new Revision((long)entry.Index, 0);
        _sum += Store.Backend.Put(revision, false, entry.Data.Span);
        _known.Add(revision);
    }
}
