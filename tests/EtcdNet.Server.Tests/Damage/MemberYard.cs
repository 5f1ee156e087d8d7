using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Faster;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Damage;

/// <summary>How a member's life ended before its files were damaged.</summary>
internal enum Ending
{
    /// <summary>Stopped in peace.</summary>
    Stop,

    /// <summary>kill -9, or the directory was copied while it ran: the disk holds everything that was written.</summary>
    Kill,

    /// <summary>The power failed: the disk holds what was synced, and nothing else.</summary>
    PowerCut,
}

/// <summary>What a real member left behind, and what must be read from it.</summary>
/// <param name="Ending">How it ended.</param>
/// <param name="Disk">Its files; clone before use.</param>
/// <param name="Older">Earlier states of the same files.</param>
/// <param name="LastIndex">Last entry of its log.</param>
/// <param name="State">Its state as <see cref="StateDump"/> writes it.</param>
internal sealed record LeftBehind(Ending Ending, SimDisk Disk, IReadOnlyList<SimDisk> Older, ulong LastIndex, string State);

/// <summary>
/// Lets a real member live until its directory has everything that can be damaged: two checkpoints, several log files, of
/// which earlier ones were released, and a store whose first file was collected.
/// </summary>
internal static class MemberYard
{
    internal const string Member = "/data/member";
    internal const string Mark = Member + "/wal/synced";

    internal static readonly MemberOptions Options = new()
    {
        Name = "m", DataDirectory = "/data", ClientUrls = ["http://127.0.0.1:2379"], PeerUrls = ["http://127.0.0.1:2380"],
        HeartbeatInterval = TimeSpan.FromMilliseconds(10), ElectionTimeout = TimeSpan.FromMilliseconds(100),
        Store = new FasterOptions { PageBits = 21, MemoryBits = 23, SegmentBits = 21, IndexBytes = 1 << 20 },
        LogSegmentBytes = 512 << 10, CheckpointAfterBytes = 600 << 10, CollectDeadBytesMin = 300_000,
        CatchUpEntries = 20, SnapshotCount = 50,
    };

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Three ends of the same life.</summary>
    public static async Task<LeftBehind[]> LiveAsync(int seed)
    {
        var random = new Random(seed);
        var disk = new SimDisk();
        var older = new List<SimDisk> { BeingMade() };
        RunningMember member = RunningMember.Open(Options, disk, static _ => { }, TimeProvider.System, Logger.None);
        await member.StartAsync(CancellationToken.None).WaitAsync(s_limit);
        await FillAsync(member, disk, older, random);
        // Small entries behind the last checkpoint, each in a batch of its own: here the log's end can be cut.
        await BeginNewSegmentAsync(member, disk, random);
        for (int i = 0; i < 30; i++)
        {
            if (i % 10 == 5)
                older.Add(disk.Clone());
            await WriteAsync(member, random, bytesMax: 90);
        }

        SimDisk killed = disk.Clone();
        SimDisk running = disk.Clone();
        SimDisk withoutPower = disk;
        await ForgetAsync(disk, member);
        withoutPower.Crash(random, TornWrites.LoseAll);
        RunningMember again = RunningMember.Open(Options, running, static _ => { }, TimeProvider.System, Logger.None);
        await again.StartAsync(CancellationToken.None).WaitAsync(s_limit);
        await again.DisposeAsync().AsTask().WaitAsync(s_limit);
        return [Left(Ending.Stop, running, older), Left(Ending.Kill, killed, older), Left(Ending.PowerCut, withoutPower, older)];
    }

    internal static IReadOnlyList<string> Segments(SimDisk disk) => [.. disk.Files().Where(path => path.EndsWith(".log", StringComparison.Ordinal))];

    internal static IReadOnlyList<string> Manifests(SimDisk disk) => [.. disk.Files().Where(path => path.EndsWith(".manifest", StringComparison.Ordinal))];

    internal static IReadOnlyList<string> StoreFiles(SimDisk disk) => [.. disk.Files().Where(path => path.Contains("/store/", StringComparison.Ordinal))];

    // A first start that went no further than to lock the directory.
    private static SimDisk BeingMade()
    {
        var disk = new SimDisk();
        using MemberFiles files = MemberFiles.Open(disk, Options.DataDirectory);
        return disk.Clone();
    }

    private static LeftBehind Left(Ending ending, SimDisk disk, List<SimDisk> older)
    {
        (ulong last, string state) = StateDump.OfRecovered(Options, disk.Clone());
        return new LeftBehind(ending, disk, older, last, state);
    }

    private static async Task FillAsync(RunningMember member, SimDisk disk, List<SimDisk> older, Random random)
    {
        for (long id = 1; id <= 5; id++)
            await member.Services.Lease.LeaseGrantAsync(new LeaseGrantRequest { ID = id, TTL = 1_000_000 }, new CallContext());
        long compacted = 0;
        for (int round = 0; round < 400 && !IsComplete(disk, older); round++)
        {
            if (round % 5 == 4 && Segments(disk).Count > 1)
                older.Add(disk.Clone());
            for (int i = 0; i < 40; i++)
                await WriteAsync(member, random, bytesMax: 12_000);
            if (round % 3 == 2)
            {
                long upTo = member.Machine.Store.CurrentRevision - 30;
                await member.Services.Kv.CompactAsync(new CompactionRequest { Revision = upTo, Physical = true }, new CallContext());
                compacted = upTo;
            }
        }

        Assert.True(IsComplete(disk, older), $"the directory holds only {string.Join(' ', disk.Files())}");
        Assert.True(compacted > 0);
    }

    private static bool IsComplete(SimDisk disk, List<SimDisk> older) =>
        older.Count >= 3 && Manifests(disk).Count == 2 && Segments(disk).Count >= 3
        && !Segments(disk)[0].Contains("/wal/0000000000000000-", StringComparison.Ordinal)
        && StoreFiles(disk).Count >= 2 && !StoreFiles(disk)[0].EndsWith("log.00000000", StringComparison.Ordinal);

    private static async Task BeginNewSegmentAsync(RunningMember member, SimDisk disk, Random random)
    {
        string last = Segments(disk)[^1];
        while (Segments(disk)[^1] == last)
            await WriteAsync(member, random, bytesMax: 3000);
    }

    private static async Task WriteAsync(RunningMember member, Random random, int bytesMax)
    {
        switch (random.Next(12))
        {
            case 0:
                await member.Services.Kv.DeleteRangeAsync(new DeleteRangeRequest { Key = Key("key", random) }, new CallContext());
                break;
            case 1:
                var txn = new TxnRequest();
                txn.Success.Add(new RequestOp { RequestPut = Put("txn", random, bytesMax / 2) });
                txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = ByteString.CopyFromUtf8("key/3"), RangeEnd = ByteString.CopyFromUtf8("key/32") } });
                await member.Services.Kv.TxnAsync(txn, new CallContext());
                break;
            case 2:
                PutRequest leased = Put("key", random, bytesMax);
                leased.Lease = random.Next(1, 6);
                await member.Services.Kv.PutAsync(leased, new CallContext());
                break;
            default:
                await member.Services.Kv.PutAsync(Put("key", random, bytesMax), new CallContext());
                break;
        }
    }

    private static PutRequest Put(string folder, Random random, int bytesMax)
    {
        byte[] value = new byte[random.Next(bytesMax)];
        random.NextBytes(value);
        return new PutRequest { Key = Key(folder, random), Value = ByteString.CopyFrom(value) };
    }

    private static ByteString Key(string folder, Random random) => ByteString.CopyFromUtf8($"{folder}/{random.Next(60)}");

    /// <summary>Starts a member for real on a directory that was repaired, lets it write, and starts it again.</summary>
    public static async Task LiveOnAsync(SimDisk disk)
    {
        RunningMember member = RunningMember.Open(Options, disk, static _ => { }, TimeProvider.System, Logger.None);
        await member.StartAsync(CancellationToken.None).WaitAsync(s_limit);
        var put = new PutRequest { Key = ByteString.CopyFromUtf8("after"), Value = ByteString.CopyFromUtf8("repair") };
        long revision = (await member.Services.Kv.PutAsync(put, new CallContext())).Header.Revision;
        await member.DisposeAsync().AsTask().WaitAsync(s_limit);

        member = RunningMember.Open(Options, disk, static _ => { }, TimeProvider.System, Logger.None);
        await member.StartAsync(CancellationToken.None).WaitAsync(s_limit);
        Assert.Equal(revision, member.Machine.Store.CurrentRevision);
        await member.Services.Kv.CompactAsync(new CompactionRequest { Revision = revision - 5, Physical = true }, new CallContext());
        string before = StateDump.Of(member.Machine);
        await member.DisposeAsync().AsTask().WaitAsync(s_limit);
        Assert.Equal(before, StateDump.OfRecovered(Options, disk).State);
    }

    // The disk is frozen first, so that the stop cannot write a thing.
    private static async Task ForgetAsync(SimDisk disk, RunningMember member)
    {
        disk.BeforeChange = static (operation, path) => throw new DiskFailedException(operation, path, "power cut (planted)");
        try
        {
            await member.DisposeAsync().AsTask().WaitAsync(s_limit);
        }
        catch (DiskFailedException)
        {
            // As it must be.
        }
    }
}
