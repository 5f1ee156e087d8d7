using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Records;
using EtcdNet.Storage.WriteAhead;
using Serilog;

namespace EtcdNet.Server;

/// <summary>What a member has on disk, recovered: the locked directory, the log, and the state machine over its backend.</summary>
internal sealed class MemberStorage : IDisposable
{
    private readonly DataDirectory _directory;

    private MemberStorage(
        DataDirectory directory, Wal log, EntryLog entries, MemoryBackend backend, StateMachine.StateMachine machine)
    {
        _directory = directory;
        Log = log;
        Entries = entries;
        Backend = backend;
        Machine = machine;
        Configuration = ConfStateCodec.Decode(machine.ConfState);
    }

    public ulong MemberId => Log.Metadata.MemberId;

    public ulong ClusterId => Log.Metadata.ClusterId;

    public Wal Log { get; }

    public EntryLog Entries { get; }

    public MemoryBackend Backend { get; }

    public StateMachine.StateMachine Machine { get; }

    /// <summary>Who votes at the applied index.</summary>
    public ConfState Configuration { get; }

    public static MemberStorage Open(MemberOptions options, ILogger log, IWalObserver? walObserver)
    {
        var disk = new FileDisk();
        DataDirectory directory = DataDirectory.Open(disk, options.DataDirectory);
        try
        {
            var walOptions = new WalOptions { UnsafeNoSync = options.UnsafeNoSync, Observer = walObserver };
            if (directory.IsNew)
                Found(disk, directory, options, walOptions);
            var backend = new MemoryBackend();
            var machine = new StateMachine.StateMachine(backend, options.LeaseTtlMin);
            (Wal wal, WalContents contents) = Wal.Open(disk, directory.Wal, machine.AppliedIndex + 1, walOptions);
            return new MemberStorage(directory, wal, ToEntryLog(machine, contents), backend, machine);
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Log.Dispose();
        _directory.Dispose();
    }

    /// <summary>The first log of a new cluster of one. Only when it is durable does the directory count as used.</summary>
    private static void Found(FileDisk disk, DataDirectory directory, MemberOptions options, WalOptions walOptions)
    {
        WalMetadata identity = MemberIdentity.Of(options);
        using (Wal wal = Wal.Create(disk, directory.Wal, identity, walOptions))
        {
            (HardState state, Entry entry) = MemberIdentity.FirstEntry(options, identity.MemberId);
            wal.Save(state, [entry]);
        }
        directory.CompleteInitialisation();
    }

    private static EntryLog ToEntryLog(StateMachine.StateMachine machine, WalContents contents)
    {
        // The commit index on disk may lag behind; what is applied was committed.
        HardState state = contents.HardState with { Commit = Math.Max(contents.HardState.Commit, machine.ConsistentIndex) };
        var compacted = new EntryId(machine.ConsistentTerm, machine.ConsistentIndex);
        return new EntryLog(state, ConfStateCodec.Decode(machine.ConfState), compacted, contents.Entries);
    }
}
