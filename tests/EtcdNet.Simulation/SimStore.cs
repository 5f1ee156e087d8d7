using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Records;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;

namespace EtcdNet.Simulation;

/// <summary>
/// A member's storage on a simulated disk: the real write-ahead log, and records in memory whose checkpoints are files with
/// the whole state. Follows the rules of MemberFiles: two checkpoints are kept, the newest that fits the log is taken.
/// </summary>
internal sealed class SimStore : IStateStore
{
    private const string LogDirectory = "/wal";
    private const string CheckpointDirectory = "/checkpoint";
    private const int MinLeaseTtl = 2;
    private const int MaxLearners = 10;
    private const int Kept = 2;

    private readonly SimDisk _disk;
    private readonly List<(ulong Sequence, ulong Index)> _checkpoints = [];
    private ulong _lastSequence;

    private SimStore(SimDisk disk) => _disk = disk;

    public Wal Wal { get; private set; } = null!;

    public EntryLog Entries { get; private set; } = null!;

    public StateMachine.StateMachine Machine { get; private set; } = null!;

    /// <summary>Snapshots on their way out.</summary>
    public int Pins { get; private set; }

    /// <summary>For a mutation: a received state is not written to the disk.</summary>
    public bool ForgetsReceivedState { get; init; }

    private IRecordSource Records => (MemoryBackend)Machine.Backend.Current;

    /// <summary>Makes the log of a new member; founders begin with the entries that add them.</summary>
    public static void Create(SimDisk disk, WalMetadata identity, WalOptions options, IReadOnlyList<Entry> founding)
    {
        disk.CreateDirectory(LogDirectory);
        disk.CreateDirectory(CheckpointDirectory);
        using Wal wal = Wal.Create(disk, LogDirectory, identity, options);
        if (founding.Count > 0)
            wal.Save(new HardState(1, 0, (ulong)founding.Count), founding);
    }

    /// <summary>Brings back what is on the disk.</summary>
    /// <exception cref="SimulationFailure">It cannot be: something that was promised is lost.</exception>
    public static SimStore Open(SimDisk disk, WalOptions options, bool forgetsReceivedState)
    {
        var store = new SimStore(disk) { ForgetsReceivedState = forgetsReceivedState };
        (Wal wal, WalContents contents) = Wal.Open(disk, LogDirectory, 1, options);
        store.Wal = wal;
        store.Recover(contents);
        return store;
    }

    public static StateMachine.StateMachine NewMachine() => new(new MemoryBackend(), MinLeaseTtl, MaxLearners);

    /// <inheritdoc/>
    public IOutgoingSnapshot? Capture(ConfState configuration)
    {
        // A pass of the compactor has taken records out of the memory that the image still counts.
        if (Machine.ConsistentIndex == 0 || Machine.Compactor.IsRunning)
            return null;
        Pins++;
        StateImage image = Machine.Capture();
        return new CapturedState(new SnapshotMetadata(configuration, image.AppliedIndex, image.AppliedTerm), image, Records, () => Pins--);
    }

    /// <inheritdoc/>
    public IReceivedState Receive(SnapshotMetadata expected, Stream stream)
    {
        var backend = new MemoryBackend();
        StateImage image = StateStream.Read(stream, backend);
        var machine = new StateMachine.StateMachine(backend, MinLeaseTtl, MaxLearners);
        machine.Restore(image, backend);
        ReceivedState.ThrowUnlessExpected(machine, expected);
        return new Received(this, image, machine);
    }

    /// <summary>Writes a checkpoint of what is applied. Applier, outside of a pass of the compactor.</summary>
    /// <returns>From where on the log is needed.</returns>
    public ulong Checkpoint()
    {
        Write(Machine.Capture(), Records);
        return _checkpoints.Count < Kept ? 1 : _checkpoints[^1].Index + 1;
    }

    private static string PathOf((ulong Sequence, ulong Index) checkpoint) => $"{CheckpointDirectory}/{checkpoint.Sequence:x8}-{checkpoint.Index:x8}";

    private void Write(StateImage image, IRecordSource records)
    {
        using var bytes = new MemoryStream();
        StateStream.Write(bytes, image, records);
        (ulong Sequence, ulong Index) made = (++_lastSequence, image.AppliedIndex);
        _disk.Replace(PathOf(made), bytes.ToArray());
        _checkpoints.Insert(0, made);
        while (_checkpoints.Count > Kept)
        {
            _disk.Delete(PathOf(_checkpoints[^1]));
            _checkpoints.RemoveAt(_checkpoints.Count - 1);
        }

        _disk.SyncDirectory(CheckpointDirectory);
    }

    private void Recover(WalContents contents)
    {
        List<(ulong Sequence, ulong Index)> found = [.. _disk.List(CheckpointDirectory).Where(static name => name.Length == 17)
            .Select(static name => (Convert.ToUInt64(name[..8], 16), Convert.ToUInt64(name[9..], 16))).OrderDescending()];
        _lastSequence = found.Count > 0 ? found[0].Sequence : 0;
        foreach ((ulong Sequence, ulong Index) checkpoint in found)
        {
            if (_checkpoints.Count == 0 && !Fits(checkpoint, contents))
                _disk.Delete(PathOf(checkpoint));
            else
                _checkpoints.Add(checkpoint);
        }

        _disk.SyncDirectory(CheckpointDirectory);
        if (_checkpoints.Count == 0)
        {
            if (contents.FirstIndex != 1)
                throw new SimulationFailure($"no checkpoint fits a log that begins at entry {contents.FirstIndex}");
            Machine = NewMachine();
        }

        Entries = NewEntryLog(contents);
    }

    private bool Fits((ulong Sequence, ulong Index) checkpoint, WalContents contents)
    {
        if (checkpoint.Index > contents.LastIndex || checkpoint.Index + 1 < contents.FirstIndex)
            return false;
        var backend = new MemoryBackend();
        StateImage image = StateStream.Read(new MemoryStream(_disk.Bytes(PathOf(checkpoint))), backend);
        if (image.AppliedIndex >= contents.FirstIndex && contents.Entries[(int)(image.AppliedIndex - contents.FirstIndex)].Term != image.AppliedTerm)
            return false;
        Machine = new StateMachine.StateMachine(backend, MinLeaseTtl, MaxLearners);
        Machine.Restore(image, backend);
        return true;
    }

    private EntryLog NewEntryLog(WalContents contents)
    {
        IReadOnlyList<Entry> entries = contents.Entries;
        EntryId before = default;
        if (Machine.ConsistentIndex > 0 && contents.FirstIndex == Machine.ConsistentIndex + 1)
            before = new EntryId(Machine.ConsistentTerm, Machine.ConsistentIndex);
        else if (contents.FirstIndex > 1)
            (before, entries) = (entries[0].Id, [.. entries.Skip(1)]);
        HardState state = contents.HardState with { Commit = Math.Max(contents.HardState.Commit, Machine.ConsistentIndex) };
        return new EntryLog(state, ConfStateCodec.Decode(Machine.ConfState), before, entries);
    }

    private sealed class Received(SimStore store, StateImage image, StateMachine.StateMachine machine) : IReceivedState
    {
        public EntryId Id { get; } = new(image.AppliedTerm, image.AppliedIndex);

        public ConfState Configuration { get; } = ConfStateCodec.Decode(machine.ConfState);

        public void MakeDurable()
        {
            if (!store.ForgetsReceivedState)
                store.Write(image, (MemoryBackend)machine.Backend.Current);
        }

        public void Install() => store.Machine.Adopt(machine);

        public void Abandon()
        {
        }
    }
}
