using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using Xunit.Abstractions;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Readers on their own threads while one thread writes and compacts, with released records gone at once.</summary>
public sealed class ConcurrencyTests(ITestOutputHelper output)
{
    private const int Keys = 200;
    private const int LeastRounds = 12_000;
    private const int LeastReads = 2_000;
    private const int MostRounds = 20_000_000;

    private long _reads;
    private long _compacted;

    [Fact]
    public void Readers_never_see_half_of_anything()
    {
        const int seed = 21;
        output.WriteLine($"seed {seed}");
        var machine = new Machine(new InMemoryBackend(dropReleased: true));
        WriteAll(machine, 0);
        using var stop = new CancellationTokenSource();
        Task[] readers =
        [
            .. Enumerable.Range(0, 3).Select(number => Task.Run(() =>
            {
                var random = new Random(seed + number);
                while (!stop.IsCancellationRequested)
                {
                    if (ReadOnce(machine, random))
                        Interlocked.Increment(ref _reads);
                    else
                        Interlocked.Increment(ref _compacted);
                }
            })),
        ];
        Write(machine, new Random(seed), readers);
        stop.Cancel();
        Task.WaitAll(readers);
        output.WriteLine($"{_reads} reads, {_compacted} compacted, revision {machine.Store.CurrentRevision}");
        Assert.InRange(_reads, LeastReads, long.MaxValue);
        Assert.InRange(_compacted, 1, long.MaxValue);
    }

    private void Write(Machine machine, Random random, Task[] readers)
    {
        // Goes on until the readers have met every state often enough; the upper bound only ends a test that is stuck.
        for (int round = 1; round <= MostRounds && !readers.Any(reader => reader.IsCompleted); round++)
        {
            if (round > LeastRounds && Interlocked.Read(ref _reads) >= LeastReads && Interlocked.Read(ref _compacted) > 0)
                return;
            // Every revision leaves all pairs (k, k+1) with equal values, and exactly Keys live keys.
            int pair = random.Next(Keys / 2) * 2;
            if (random.Next(3) == 0)
            {
                machine.Txn(Op.Txn(then: [Op.Delete(Name(pair)), Op.Delete(Name(pair + 1)), Op.Nested(Op.Txn())]));
                machine.Txn(Op.Txn(then: [Op.Put(Name(pair), $"{round}"), Op.Put(Name(pair + 1), $"{round}")]));
            }
            else
            {
                machine.Txn(Op.Txn(then: [Op.Put(Name(pair), $"{round}"), Op.Put(Name(pair + 1), $"{round}")]));
            }
            if (round % 20 == 0)
                machine.Compact(machine.Store.CurrentRevision - random.Next(3), physically: false);
            machine.State.Compactor.Step(20);
        }
    }

    /// <returns>False when the answer was Compacted, which only old revisions may get.</returns>
    private static bool ReadOnce(Machine machine, Random random)
    {
        long revision = random.Next(2) == 0 ? 0 : Math.Max(2, machine.Store.CurrentRevision - random.Next(30));
        try
        {
            RangeResponse all = machine.Range("\0", "\0", revision);
            Assert.Equal(all.Count, all.Kvs.Count);
            Assert.True(all.Count is Keys or Keys - 2, $"{all.Count} keys at {revision}");
            for (int i = 0; i < all.Kvs.Count; i += 2)
            {
                Assert.Equal(all.Kvs[i].Value, all.Kvs[i + 1].Value);
                Assert.Equal(all.Kvs[i].ModRevision, all.Kvs[i + 1].ModRevision);
            }
            RangeResponse one = machine.Range(Name(random.Next(Keys)), revision: revision);
            Assert.InRange(one.Count, 0, 1);
            TxnResponse txn = machine.State.Txns.Read(Op.Txn(then: [Op.Get(Name(0)), Op.Get(Name(1))]));
            Assert.Equal(
                txn.Responses[0].ResponseRange.Kvs.FirstOrDefault()?.Value, txn.Responses[1].ResponseRange.Kvs.FirstOrDefault()?.Value);
            if (random.Next(10) == 0)
                Assert.InRange(machine.State.HashKv(0).Revision, 2, long.MaxValue);
            if (revision != 0)
                ReadHistory(machine, revision);
            return true;
        }
        catch (EtcdException error)
        {
            Assert.Equal(EtcdError.Compacted.Message, error.Message);
            Assert.NotEqual(0, revision);
            return false;
        }
    }

    /// <summary>From a revision that is not compacted every single event must be there: each revision changes a pair.</summary>
    private static void ReadHistory(Machine machine, long revision)
    {
        long to = machine.Store.CurrentRevision;
        var events = new List<StoreEvent>();
        using IHistoryCursor cursor = machine.Store.Open(new byte[1], new byte[1], revision + 1, to);
        while (cursor.ReadNext(events, 5) < to)
        {
        }
        for (int i = 0; i < events.Count; i++)
            Assert.Equal((revision + 1 + (i / 2), i % 2), (events[i].Revision.Main, events[i].Revision.Sub));
        Assert.Equal(2 * (to - revision), events.Count);
    }

    private static void WriteAll(Machine machine, int value)
    {
        machine.State.BeginBatch();
        for (int i = 0; i < Keys; i += 100)
            machine.Txn(Op.Txn(then: [.. Enumerable.Range(i, 100).Select(key => Op.Put(Name(key), $"{value}"))]));
        machine.State.EndBatch();
        machine.Compact(machine.Store.CurrentRevision);
    }

    private static string Name(int key) => $"k{key:d4}";
}
