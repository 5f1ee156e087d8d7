using EtcdNet.Testing.Histories;
using EtcdNet.Testing.Simulated;

namespace EtcdNet.Cluster.Tests.Judging;

/// <summary>The judge of client histories itself: it must see each kind of wrong, and nothing in what is right.</summary>
public sealed class HistoryJudgeTests
{
    private const long Unknown = long.MaxValue;

    [Fact]
    public void Nothing_wrong_is_found_in_a_real_history()
    {
        for (int seed = 1; seed <= 50; seed++)
        {
            (List<ClientOperation> operations, List<StoreEvent> events) = RealHistory(new Random(seed));
            new HistoryJudge().Judge(operations, events);
        }
    }

    [Fact]
    public void A_lost_write_is_found() =>
        AssertFound("lost write", [Write("a", 1, 0, 10, revision: 2), Write("a", 2, 20, 30, revision: 3)], [new(2, "a", 1)]);

    [Fact]
    public void A_write_that_was_replaced_by_another_is_found() =>
        AssertFound("lost write", [Write("a", 1, 0, 10, revision: 2)], [new(2, "b", 7)]);

    [Fact]
    public void A_write_that_nobody_asked_for_is_found() =>
        AssertFound("nobody asked", [Write("a", 1, 0, 10, revision: 2)], [new(2, "a", 1), new(3, "a", 9)]);

    [Fact]
    public void A_write_that_happened_twice_is_found()
    {
        AssertFound("happened twice", [Write("a", 1, 0, 10, revision: 2)], [new(2, "a", 1), new(3, "a", 1)]);
        AssertFound("happened twice", [Write("a", 1, 0, Unknown, revision: 0)], [new(2, "a", 1), new(3, "a", 1)]);
    }

    [Fact]
    public void A_write_without_an_answer_may_happen_or_not()
    {
        ClientOperation open = Write("a", 1, 0, Unknown, revision: 0);
        new HistoryJudge().Judge([open, Read("a", 1, 20, 30, revision: 2)], [new(2, "a", 1)]);
        new HistoryJudge().Judge([open, Read("a", 0, 20, 30, revision: 1)], []);
    }

    [Fact]
    public void A_write_without_an_answer_may_happen_later()
    {
        var judge = new HistoryJudge();
        judge.Judge([Write("a", 1, 0, Unknown, revision: 0)], []);
        judge.Judge([], [new(2, "a", 1)]);
        Assert.Throws<HistoryException>(() => judge.Judge([], [new(3, "a", 1)]));
    }

    [Fact]
    public void A_stale_read_of_the_same_key_is_found() =>
        AssertFound("knows nothing of it", [Write("a", 1, 0, 10, revision: 2), Read("a", 0, 20, 30, revision: 1)], [new(2, "a", 1)]);

    [Fact]
    public void A_stale_read_of_another_key_is_found() =>
        AssertFound("knows nothing of it", [Write("a", 1, 0, 10, revision: 2), Read("b", 0, 20, 30, revision: 1)], [new(2, "a", 1)]);

    [Fact]
    public void A_read_of_a_value_that_was_not_there_is_found() =>
        AssertFound("wrong read", [Write("a", 1, 0, 10, revision: 2), Write("a", 2, 20, 30, revision: 3), Read("a", 1, 40, 50, revision: 3)], [new(2, "a", 1), new(3, "a", 2)]);

    [Fact]
    public void A_swap_of_something_else_than_expected_is_found()
    {
        ClientOperation swap = new("a", new RegisterOperation("c", RegisterAction.Swap, 2, 5, 20, 30), 3);
        AssertFound("wrong read", [Write("a", 1, 0, 10, revision: 2), swap], [new(2, "a", 1), new(3, "a", 2)]);
    }

    [Fact]
    public void A_serializable_read_may_be_old_but_not_wrong()
    {
        ClientOperation[] written = [Write("a", 1, 0, 10, revision: 2), Write("a", 2, 20, 30, revision: 3)];
        StoreEvent[] events = [new(2, "a", 1), new(3, "a", 2)];
        new HistoryJudge().Judge([.. written, Read("a", 1, 40, 50, revision: 2) with { IsSerializable = true }], events);
        AssertFound("wrong read", [.. written, Read("a", 2, 40, 50, revision: 2) with { IsSerializable = true }], events);
    }

    [Fact]
    public void Two_answers_that_disagree_without_revisions_are_found() =>
        AssertFound("not linearizable", [Write("a", 1, 0, 10, revision: 2), Read("a", 0, 20, 30, revision: 0)], [new(2, "a", 1)]);

    [Fact]
    public void Every_change_of_one_answer_is_found()
    {
        for (int seed = 1; seed <= 50; seed++)
        {
            (List<ClientOperation> operations, List<StoreEvent> events) = RealHistory(new Random(seed));
            int index = operations.FindLastIndex(static operation => operation is { Revision: > 0, IsWrite: false });
            operations[index] = operations[index] with { Register = operations[index].Register with { Value = 999_999 } };
            Assert.Throws<HistoryException>(() => new HistoryJudge().Judge(operations, events));
        }
    }

    [Fact]
    public void A_watcher_that_misses_repeats_or_swaps_events_is_found()
    {
        StoreEvent[] truth = [new(2, "a", 1), new(3, "b", 2), new(5, "a", 0)];
        var right = new EventSequence("right");
        right.Add(truth);
        right.TakeAndCompare(5, truth);
        var missing = new EventSequence("missing");
        missing.Add([truth[0], truth[2]]);
        Assert.Throws<HistoryException>(() => missing.TakeAndCompare(5, truth));
        Assert.Throws<HistoryException>(() => new EventSequence("repeats").Add([truth[0], truth[0]]));
        Assert.Throws<HistoryException>(() => new EventSequence("swaps").Add([truth[1], truth[0]]));
    }

    private static void AssertFound(string what, ClientOperation[] operations, StoreEvent[] events) =>
        Assert.Contains(what, Assert.Throws<HistoryException>(() => new HistoryJudge().Judge(operations, events)).Message, StringComparison.Ordinal);

    /// <summary>Each operation takes effect at one moment between its call and its return.</summary>
    private static (List<ClientOperation> Operations, List<StoreEvent> Events) RealHistory(Random random)
    {
        var (operations, events, values) = (new List<ClientOperation>(), new List<StoreEvent>(), new Dictionary<string, long>());
        long revision = 1;
        for (int i = 1; i <= 2_000; i++)
        {
            string key = $"k{random.Next(20)}";
            long value = values.GetValueOrDefault(key);
            (long invoked, long returned) = ((i * 100) - random.Next(300), (i * 100) + random.Next(300));
            if (i % 3 == 0 || i == 2_000)
            {
                operations.Add(Read(key, value, invoked, returned, revision));
                continue;
            }

            long written = i % 10 == 1 && value != 0 ? 0 : i;
            bool answered = random.Next(10) != 0;
            values[key] = written;
            events.Add(new StoreEvent(++revision, key, written));
            operations.Add(i % 10 == 2
                ? new ClientOperation(key, new RegisterOperation("c", RegisterAction.Swap, written, value, invoked, answered ? returned : Unknown), answered ? revision : 0)
                : Write(key, written, invoked, answered ? returned : Unknown, answered ? revision : 0));
        }

        return (operations, events);
    }

    private static ClientOperation Write(string key, long value, long invoked, long returned, long revision) =>
        new(key, new RegisterOperation("c", RegisterAction.Write, value, 0, invoked, returned), revision);

    private static ClientOperation Read(string key, long value, long invoked, long returned, long revision) =>
        new(key, new RegisterOperation("c", RegisterAction.Read, value, 0, invoked, returned), revision);
}
