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
}
