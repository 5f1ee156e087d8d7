using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using Xunit.Abstractions;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Readers on their own threads while one thread writes and compacts, with released records gone at once.</summary>
public sealed class ConcurrencyTests(ITestOutputHelper output)
{
    private const int Keys = 200;
    private const int Rounds = 12_000;

    [Fact]
    public void Readers_never_see_half_of_anything()
    {
        const int seed = 21;
        output.WriteLine($"seed {seed}");
        var machine = new Machine(new InMemoryBackend(dropReleased: true));
        WriteAll(machine, 0);
        using var stop = new CancellationTokenSource();
        long reads = 0;
        long compacted = 0;
        Task[] readers =
        [
            .. Enumerable.Range(0, 3).Select(number => Task.Run(() =>
            {
                var random = new Random(seed + number);
                while (!stop.IsCancellationRequested)
                {
                    if (ReadOnce(machine, random))
                        Interlocked.Increment(ref reads);
                    else
                        Interlocked.Increment(ref compacted);
                }
            })),
        ];
        Write(machine, new Random(seed), readers);
        stop.Cancel();
        Task.WaitAll(readers);
        output.WriteLine($"{reads} reads, {compacted} compacted");
        Assert.InRange(reads, 100, long.MaxValue);
    }

    private static void Write(Machine machine, Random random, Task[] readers)
    {
        for (int round = 1; round <= Rounds && !readers.Any(reader => reader.IsFaulted); round++)
        {
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
            return true;
        }
        catch (EtcdException error)
        {
            Assert.Equal(EtcdError.Compacted.Message, error.Message);
            Assert.NotEqual(0, revision);
            return false;
        }
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
