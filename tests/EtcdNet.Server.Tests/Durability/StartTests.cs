using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog;
using Serilog.Core;
using Serilog.Events;
using Xunit.Abstractions;

namespace EtcdNet.Server.Tests.Durability;

/// <summary>Whole members on a disk that loses what was not synced: every start after a power cut or a stop must succeed.</summary>
public sealed class StartTests(ITestOutputHelper output)
{
    private static readonly MemberOptions s_options = new()
    {
        Name = "m", DataDirectory = "/data", ClientUrls = [],
        // So long that the first batch of the log needs several sectors.
        PeerUrls = [$"http://127.0.0.1:2380/{new string('p', 1500)}"],
        HeartbeatInterval = TimeSpan.FromMilliseconds(10), ElectionTimeout = TimeSpan.FromMilliseconds(100),
        Store = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 1 << 20 },
    };

    private readonly Warnings _warnings = new();

    [Fact]
    public void A_first_start_can_be_interrupted_anywhere()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        long steps = CountStepsOfFirstStart();
        for (int round = 0; round < 2 * steps; round++)
        {
            var disk = new SimDisk();
            long at = round % steps + 1;
            disk.BeforeChange = (operation, path) =>
            {
                if (disk.Changes >= at)
                    throw new DiskFailedException(operation, path, "power cut (planted)");
            };
            OpenAndForget(disk);
            disk.Crash(random);
            using MemberStorage storage = Open(disk);
            Assert.Equal(1UL, storage.Log.LastIndex);
            Assert.Equal(1UL, storage.Entries.InitialState().HardState.Commit);
        }
    }

    [Fact]
    public void A_first_batch_of_which_only_the_entry_is_left_is_written_again()
    {
        var disk = new SimDisk();
        using (MemberFiles store = MemberFiles.Open(disk, s_options.DataDirectory, new MemberFilesOptions { Faster = s_options.Store }))
        {
            store.Start(MemberIdentity.Of(s_options), static (_, _) => { });
            store.Wal.Save(null, MemberIdentity.FirstEntries(s_options).Entries);
        }

        using (Open(disk))
        {
        }

        using MemberStorage storage = Open(disk);
        Assert.Equal(1UL, storage.Log.LastIndex);
        Assert.Equal(1UL, storage.Entries.InitialState().HardState.Commit);
    }

    [Fact]
    public async Task A_member_without_a_key_stops_with_a_checkpoint_and_starts_from_it()
    {
        var disk = new SimDisk();
        RunningMember first = await StartAsync(disk, s_options);
        var grant = new LeaseGrantRequest { ID = 7, TTL = 1000 };
        await first.Services.Lease.LeaseGrantAsync(grant, new CallContext());
        await first.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(60));

        using MemberStorage storage = Open(disk);
        Assert.True(storage.Machine.ConsistentIndex > 1, "the state must come from a checkpoint, not from the log");
        Assert.True(storage.Machine.Leases.Contains(7));
        Assert.Equal(0, storage.Machine.Store.LiveKeys);
    }

    [Fact]
    public async Task A_member_that_is_killed_again_and_again_makes_checkpoints_all_the_same()
    {
        var disk = new SimDisk();
        MemberOptions options = s_options with { CheckpointAfterBytes = 300_000 };
        int recovered = 0;
        for (int life = 0; life < 8; life++)
        {
            RunningMember member = await StartAsync(disk, options);
            for (int i = 0; i < 10; i++)
                await PutAsync(member, $"{life}-{i}", 10_000);
            Assert.Equal(10 * (life + 1), await CountAsync(member));
            await KillAsync(disk, member);
            recovered += disk.List("/data/member/checkpoint").Count > 0 ? 1 : 0;
        }

        Assert.True(recovered > 0, "no checkpoint was made");
        Assert.Empty(_warnings.Lines);
    }

    [Fact]
    public async Task Stops_while_a_compaction_is_collected_leave_checkpoints_that_are_good()
    {
        var disk = new SimDisk();
        MemberOptions options = s_options with { CheckpointAfterBytes = 1 << 20, CollectDeadBytesMin = 100_000 };
        for (int life = 0; life < 5; life++)
        {
            RunningMember member = await StartAsync(disk, options);
            long revision = 0;
            for (int i = 0; i < 4000; i += 100)
                revision = await PutManyAsync(member, i, 100, life);
            await member.Services.Kv.CompactAsync(new CompactionRequest { Revision = revision }, new CallContext());
            for (int i = 0; i < 4000; i += 100)
                await PutManyAsync(member, i, 100, life);
            await member.DisposeAsync();
            member = await StartAsync(disk, options);
            Assert.Equal(4000, await CountAsync(member));
            await member.DisposeAsync();
        }

        Assert.Empty(_warnings.Lines);
    }

    [Fact]
    public void Bytes_written_without_sync_are_counted()
    {
        var disk = new SimDisk();
        disk.CreateDirectory("/wal");
        using Wal wal = Wal.Create(disk, "/wal", new WalMetadata(1, 2), new WalOptions { SegmentBytes = 1 << 20, UnsafeNoSync = true });
        wal.Save(new Raft.HardState(1, 1, 0), [new Raft.Entry(Raft.EntryType.Normal, 1, 1, new byte[1000])]);
        Assert.InRange(wal.WrittenBytes, 1000, 2000);
    }

    private static async Task PutAsync(RunningMember member, string key, int bytes) =>
        await member.Services.Kv.PutAsync(
            new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFrom(new byte[bytes]) }, new CallContext());

    private static async Task<long> PutManyAsync(RunningMember member, int first, int count, int life)
    {
        var txn = new TxnRequest();
        for (int i = first; i < first + count; i++)
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8($"{i}"), Value = ByteString.CopyFrom(new byte[800 + life]) } });
        return (await member.Services.Kv.TxnAsync(txn, new CallContext())).Header.Revision;
    }

    private static async Task<long> CountAsync(RunningMember member)
    {
        ByteString all = ByteString.CopyFrom(0);
        return (await member.Services.Kv.RangeAsync(new RangeRequest { Key = all, RangeEnd = all }, new CallContext())).Kvs.Count;
    }

    private static async Task KillAsync(SimDisk disk, RunningMember member)
    {
        disk.BeforeChange = static (operation, path) => throw new DiskFailedException(operation, path, "power cut");
        try
        {
            await member.DisposeAsync();
        }
        catch (DiskFailedException)
        {
            // Nothing can be closed in good order any more.
        }

        disk.Crash(new Random(1));
    }

    private async Task<RunningMember> StartAsync(SimDisk disk, MemberOptions options)
    {
        RunningMember member = RunningMember.Open(options, disk, _ => { }, TimeProvider.System, Log());
        await member.StartAsync(CancellationToken.None).WaitAsync(Deadline.Limit);
        return member;
    }

    private long CountStepsOfFirstStart()
    {
        var disk = new SimDisk();
        MemberStorage storage = Open(disk);
        long steps = disk.Changes;
        storage.Dispose();
        return steps;
    }

    private void OpenAndForget(SimDisk disk)
    {
        try
        {
            Open(disk).Dispose();
        }
        catch (Exception e) when (e is DiskFailedException or DataDirectoryException)
        {
            // The planted power cut.
        }
    }

    private MemberStorage Open(SimDisk disk) => MemberStorage.Open(s_options, disk, TimeProvider.System, Log(), null);

    private Logger Log() => new LoggerConfiguration().WriteTo.Sink(_warnings).CreateLogger();

    /// <summary>What a start says about checkpoints that it passed over.</summary>
    private sealed class Warnings : ILogEventSink
    {
        private readonly List<string> _lines = [];

        public IReadOnlyList<string> Lines
        {
            get
            {
                lock (_lines)
                    return [.. _lines];
            }
        }

        public void Emit(LogEvent logEvent)
        {
            string line = logEvent.RenderMessage();
            if (logEvent.Level == LogEventLevel.Warning && line.Contains("checkpoint", StringComparison.Ordinal))
            {
                lock (_lines)
                    _lines.Add(line);
            }
        }
    }
}
