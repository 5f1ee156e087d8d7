using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Services;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog.Core;
using Xunit.Abstractions;

namespace EtcdNet.Server.Tests.Damage;

/// <summary>
/// One operation of the disk fails in the life of a member, each one in turn: the member says that it cannot go on, acknowledges
/// nothing more, never repeats the operation, and the next start on a healthy disk has exactly what was acknowledged (and perhaps
/// the one request that was under way). Environment: ETCDNET_FAULT_LIVES (default 60; 0 is every operation), ETCDNET_SEED.
/// </summary>
public sealed class FaultyLifeTests(ITestOutputHelper output)
{
    private const int Requests = 90;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static readonly MemberOptions s_options = MemberYard.Options with { LogSegmentBytes = 32 << 10, CheckpointAfterBytes = 24 << 10 };

    private enum After
    {
        PowerCutLosesAll,
        PowerCutLosesSectors,
        Kill,
    }

    [Fact]
    public async Task Every_operation_of_the_disk_may_fail()
    {
        int seed = TestSeed.Next();
        int lives = TestSeed.Setting("ETCDNET_FAULT_LIVES", 60);
        var random = new Random(seed);
        (long operations, int answered) = await LiveAsync(new SimDisk(), failAt: long.MaxValue, random, null);
        Assert.Equal(Requests, answered);
        output.WriteLine($"seed {seed}, {operations} operations");
        int step = lives == 0 ? 1 : (int)Math.Max(1, operations / lives);
        var failed = new SortedDictionary<string, int>(StringComparer.Ordinal);
        for (long at = random.Next(step); at < operations; at += step)
        {
            for (int after = 0; after < 3; after++)
            {
                if (lives != 0 && after != at / step % 3)
                    continue;
                string what = $"seed {seed}, operation {at} of {operations}, {(After)after}";
                string operation = await FailOnceAsync(at, (After)after, random, what);
                failed[operation] = failed.GetValueOrDefault(operation) + 1;
            }
        }

        output.WriteLine(string.Join('\n', failed.Select(pair => $"{pair.Key,-12}{pair.Value,5}")));
        Assert.Contains("fdatasync", failed.Keys);
        Assert.Contains("write", failed.Keys);
    }

    private static async Task<string> FailOnceAsync(long at, After after, Random random, string what)
    {
        var disk = new SimDisk();
        var operations = new List<string>();
        int answered;
        try
        {
            (_, answered) = await LiveAsync(disk, at, random, operations);
        }
        catch (Exception e) when (e is not DiskFailedException)
        {
            throw new InvalidOperationException($"{what}: {e.Message}", e);
        }

        // The dry run and this one need not have the same number of operations: threads share the disk.
        string failed = operations.Count == 0 ? "none" : operations[0];
        if (after == After.Kill)
            disk.Kill();
        else
            disk.Crash(random, after == After.PowerCutLosesAll ? TornWrites.LoseAll : TornWrites.LoseSectors);
        using MemberStorage storage = MemberStorage.Open(s_options, disk, TimeProvider.System, Logger.None, null);
        StateDump.ApplyAll(storage, ulong.MaxValue);
        long done = storage.Machine.Store.CurrentRevision - 1;
        Assert.True(done == answered || done == answered + 1, $"{what}: {answered} requests were answered, {done} are there ({failed} failed)");
        AssertHistory(storage.Machine.Store, done, what);
        return failed;
    }

    /// <summary>The script, until the disk fails or it is done. Returns the operations of the disk and the requests answered.</summary>
    private static async Task<(long Operations, int Answered)> LiveAsync(SimDisk disk, long failAt, Random random, List<string>? failed)
    {
        var fatal = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        disk.BeforeChange = (operation, path) =>
        {
            if (disk.Changes < failAt)
                return;
            failed?.Add(operation);
            throw new DiskFailedException(operation, path, random.Next(2) == 0 ? "Input/output error (planted)" : "No space left on device (planted)");
        };
        int answered = 0;
        RunningMember? member = null;
        try
        {
            member = RunningMember.Open(s_options, disk, error => fatal.TrySetResult(error), TimeProvider.System, Logger.None);
            answered = await RunScriptAsync(member, fatal.Task);
        }
        catch (Exception e) when (e is DiskFailedException or DataDirectoryException { InnerException: DiskFailedException })
        {
            // It did not even start: loud enough.
        }

        bool whileServing = fatal.Task.IsCompleted;
        await StopAsync(member);
        // Others may come to the disk after its failure; what failed is never tried again.
        if (disk.StoppedBy is { Operation: "fdatasync" or "fsync" } sync)
            Assert.DoesNotContain((sync.Operation, sync.Path), disk.Refused);
        bool hadToStop = failed is { Count: > 0 };
        Assert.True(!hadToStop || whileServing || answered is 0 or Requests, "the disk failed and the member went on");
        Assert.True(!hadToStop || disk.StoppedBy is not null);
        return (disk.Changes, answered);
    }

    private static async Task<int> RunScriptAsync(RunningMember member, Task<Exception> fatal)
    {
        Task started = member.StartAsync(CancellationToken.None);
        if (await Task.WhenAny(started, fatal).WaitAsync(s_limit) == fatal)
            return 0;
        await started;
        for (int i = 1; i <= Requests; i++)
        {
            Task request = RequestAsync(member, i);
            if (await Task.WhenAny(request, fatal).WaitAsync(s_limit) == fatal && !request.IsCompletedSuccessfully)
                return i - 1;
            await request;
        }

        return Requests;
    }

    // Request i makes revision i + 1.
    private static async Task RequestAsync(RunningMember member, int i)
    {
        var key = ByteString.CopyFromUtf8($"k{i % 10}");
        if (i % 9 == 0)
        {
            var txn = new TxnRequest();
            txn.Success.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = key } });
            txn.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = ByteString.CopyFromUtf8("t"), Value = ValueOf(i) } });
            await member.Services.Kv.TxnAsync(txn, new CallContext());
        }
        else
        {
            await member.Services.Kv.PutAsync(new PutRequest { Key = key, Value = ValueOf(i) }, new CallContext());
        }

        if (i % 40 == 0)
            await member.Services.Kv.CompactAsync(new CompactionRequest { Revision = i - 5 }, new CallContext());
    }

    private static void AssertHistory(StateMachine.Mvcc.MvccStore store, long done, string what)
    {
        var expected = new SortedDictionary<string, (long Revision, int Request)>(StringComparer.Ordinal);
        ByteString all = ByteString.CopyFrom(0);
        for (int i = 1; i <= done; i++)
        {
            if (i % 9 == 0)
                expected.Remove($"k{i % 10}");
            expected[i % 9 == 0 ? "t" : $"k{i % 10}"] = (i + 1, i);
            if (i + 1 < store.CompactRevision)
                continue;
            RangeResponse found = store.Range(new RangeRequest { Key = all, RangeEnd = all, Revision = i + 1 });
            Assert.True(
                found.Kvs.Select(Line).SequenceEqual(expected.Select(pair => $"{pair.Key} {pair.Value.Revision} {pair.Value.Request}")),
                $"{what}: at revision {i + 1} there is {string.Join(", ", found.Kvs.Select(Line))}");
            Assert.All(found.Kvs, kv => Assert.Equal(ValueOf((int)kv.ModRevision - 1), kv.Value));
        }
    }

    private static string Line(KeyValue kv) => $"{kv.Key.ToStringUtf8()} {kv.ModRevision} {kv.ModRevision - 1}";

    private static ByteString ValueOf(int request)
    {
        byte[] bytes = new byte[600 + request];
        new Random(request).NextBytes(bytes);
        return ByteString.CopyFrom(bytes);
    }

    private static async Task StopAsync(RunningMember? member)
    {
        if (member is null)
            return;
        try
        {
            await member.DisposeAsync().AsTask().WaitAsync(s_limit);
        }
        catch (DiskFailedException)
        {
            // The disk takes nothing any more.
        }
    }
}
