using EtcdNet.Raft.Tracking;
using EtcdNet.Testing;

namespace EtcdNet.Raft.Tests.Parts;

/// <summary>The window of messages on their way against a plain queue (thesis §10.2.1).</summary>
public sealed class InflightsTests
{
    [Fact]
    public void It_behaves_like_a_queue_with_two_limits()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 500; round++)
        {
            var maxMessages = random.Next(1, 40);
            var maxBytes = random.Next(2) == 0 ? 0ul : (ulong)random.Next(1, 400);
            var window = new Inflights(maxMessages, maxBytes);
            var model = new Queue<(ulong Index, ulong Bytes)>();
            var next = 1ul;
            for (var step = 0; step < 300; step++)
            {
                Step(random, window, model, ref next);
                var bytes = model.Aggregate(0ul, (sum, m) => sum + m.Bytes);
                var full = model.Count == maxMessages || (maxBytes > 0 && bytes >= maxBytes);
                Assert.True(window.Count == model.Count && window.IsFull == full, $"seed {seed} round {round} step {step}");
            }
        }
    }

    [Fact]
    public void A_full_window_takes_nothing()
    {
        var window = new Inflights(1, 0);
        window.Add(5, 10);
        Assert.Throws<RaftInvariantException>(() => window.Add(6, 10));
    }

    [Fact]
    public void One_message_may_be_larger_than_the_whole_window()
    {
        // Otherwise a large entry could never be sent.
        var window = new Inflights(10, 100);
        window.Add(1, 5_000);
        Assert.True(window.IsFull);
        window.FreeTo(1);
        Assert.False(window.IsFull);
    }

    private static void Step(Random random, Inflights window, Queue<(ulong Index, ulong Bytes)> model, ref ulong next)
    {
        switch (random.Next(20))
        {
            case 0:
                window.Clear();
                model.Clear();
                break;
            case < 8:
                // Anything from long acknowledged to not sent yet.
                var index = (ulong)random.NextInt64(0, (long)next + 5);
                window.FreeTo(index);
                while (model.TryPeek(out var oldest) && oldest.Index <= index)
                    model.Dequeue();
                break;
            case var _ when !window.IsFull:
                next += (ulong)random.Next(1, 5);
                var bytes = (ulong)random.Next(0, 60);
                window.Add(next, bytes);
                model.Enqueue((next, bytes));
                break;
        }
    }
}
