using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Tests.Consensus;

public sealed class MailboxTests
{
    [Fact]
    public void Everything_posted_is_taken_once_in_the_order_of_each_producer()
    {
        const int producers = 4, each = 20_000;
        var box = new Mailbox<(int Producer, int Number)>();
        Thread[] threads = [.. Enumerable.Range(0, producers).Select(p => new Thread(() =>
        {
            for (int i = 0; i < each; i++)
                Assert.True(box.Post((p, i)));
        }))];
        foreach (Thread thread in threads)
            thread.Start();

        int[] next = new int[producers];
        List<(int Producer, int Number)> batch = [];
        for (int taken = 0; taken < producers * each;)
        {
            Assert.True(box.Wait(TimeSpan.FromSeconds(30)));
            box.TryTakeAll(ref batch);
            taken += batch.Count;
            foreach ((int producer, int number) in batch)
                Assert.Equal(next[producer]++, number);
        }
        foreach (Thread thread in threads)
            thread.Join();
        Assert.False(box.TryTakeAll(ref batch));
        Assert.All(next, count => Assert.Equal(each, count));
    }

    [Fact]
    public void A_closed_box_gives_out_what_it_holds_and_takes_nothing_more()
    {
        var box = new Mailbox<int>();
        box.Post(1);
        box.Close();

        Assert.False(box.Post(2));
        Assert.True(box.Wait(Timeout.InfiniteTimeSpan));
        List<int> batch = [];
        Assert.True(box.TryTakeAll(ref batch));
        Assert.Equal([1], batch);
        Assert.False(box.Wait(Timeout.InfiniteTimeSpan));
    }

    [Fact]
    public void Close_wakes_a_consumer_that_waits()
    {
        var box = new Mailbox<int>();
        var consumer = new Thread(() =>
        {
            while (box.Wait(Timeout.InfiniteTimeSpan))
            {
            }
        });
        consumer.Start();
        box.Close();
        Assert.True(consumer.Join(TimeSpan.FromSeconds(30)));
    }

    [Theory]
    [InlineData(Urgency.Soon)]
    [InlineData(Urgency.Now)]
    public void What_is_less_urgent_is_taken_with_what_wakes(Urgency wakes)
    {
        for (int round = 0; round < 200; round++)
        {
            var box = new Mailbox<Urgency>();
            List<Urgency> batch = [];
            var consumer = new Thread(() =>
            {
                Assert.True(box.Wait(Timeout.InfiniteTimeSpan, wakes));
                box.TryTakeAll(ref batch);
            });
            consumer.Start();
            Urgency[] posted = [.. Enum.GetValues<Urgency>().Where(u => u < wakes), wakes];
            foreach (Urgency urgency in posted)
                Assert.True(box.Post(urgency, urgency));

            Assert.True(consumer.Join(TimeSpan.FromSeconds(30)));
            Assert.Equal(posted, batch);
        }
    }

    [Fact]
    public void A_wake_up_brings_out_what_was_posted_lazily_and_urgency_does_not_outlive_its_batch()
    {
        var box = new Mailbox<int>();
        List<int> batch = [];
        box.Post(1, Urgency.Lazy);
        box.Wake();
        Assert.True(box.Wait(Timeout.InfiniteTimeSpan, Urgency.Now));
        Assert.True(box.TryTakeAll(ref batch));
        Assert.Equal([1], batch);

        box.Wake();
        var consumer = new Thread(() =>
        {
            Assert.True(box.Wait(Timeout.InfiniteTimeSpan));
            box.TryTakeAll(ref batch);
        });
        consumer.Start();
        box.Post(2, Urgency.Lazy);
        box.Post(3, Urgency.Soon);
        Assert.True(consumer.Join(TimeSpan.FromSeconds(30)));
        Assert.Equal([2, 3], batch);
    }
}
