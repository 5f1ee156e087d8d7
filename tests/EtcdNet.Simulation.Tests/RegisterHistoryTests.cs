using EtcdNet.Testing.Simulated;

namespace EtcdNet.Simulation.Tests;

/// <summary>The judge of client histories itself.</summary>
public sealed class RegisterHistoryTests
{
    private const long Unknown = long.MaxValue;

    [Fact]
    public void Nothing_is_linearizable() => Assert.True(RegisterHistory.IsLinearizable([]));

    [Fact]
    public void A_read_sees_the_write_before_it() =>
        Assert.True(RegisterHistory.IsLinearizable([Write(1, 0, 10), Read(1, 20, 30)]));

    [Fact]
    public void A_read_that_misses_the_write_before_it_is_noticed() =>
        Assert.False(RegisterHistory.IsLinearizable([Write(1, 0, 10), Read(0, 20, 30)]));

    [Fact]
    public void A_read_during_a_write_may_see_it_or_not()
    {
        Assert.True(RegisterHistory.IsLinearizable([Write(1, 0, 100), Read(0, 20, 30)]));
        Assert.True(RegisterHistory.IsLinearizable([Write(1, 0, 100), Read(1, 20, 30)]));
    }

    [Fact]
    public void Two_reads_must_not_see_a_write_come_and_go() =>
        Assert.False(RegisterHistory.IsLinearizable([Write(1, 0, 100), Read(1, 20, 30), Read(0, 40, 50)]));

    [Fact]
    public void A_write_of_unknown_outcome_may_take_effect_late_or_never()
    {
        RegisterOperation lost = Write(1, 0, Unknown);
        Assert.True(RegisterHistory.IsLinearizable([lost, Read(0, 20, 30), Read(1, 40, 50)]));
        Assert.True(RegisterHistory.IsLinearizable([lost, Read(0, 20, 30), Read(0, 40, 50)]));
        Assert.False(RegisterHistory.IsLinearizable([lost, Read(1, 20, 30), Read(0, 40, 50)]));
    }

    [Fact]
    public void A_write_cannot_be_seen_before_it_was_asked_for() =>
        Assert.False(RegisterHistory.IsLinearizable([Read(1, 0, 10), Write(1, 20, 30)]));

    [Fact]
    public void A_swap_needs_what_it_expected()
    {
        Assert.True(RegisterHistory.IsLinearizable([Write(1, 0, 10), Swap(1, 2, 20, 30), Read(2, 40, 50)]));
        Assert.False(RegisterHistory.IsLinearizable([Write(1, 0, 10), Swap(3, 2, 20, 30)]));
        Assert.False(RegisterHistory.IsLinearizable([Write(1, 0, 10), Swap(1, 2, 20, 30), Swap(1, 3, 20, 30)]));
    }

    [Fact]
    public void The_order_of_overlapping_operations_is_searched_for() =>
        Assert.True(RegisterHistory.IsLinearizable(
            [Write(1, 0, 100), Write(2, 0, 100), Write(3, 0, 100), Read(3, 10, 20), Read(1, 30, 40), Read(2, 50, 60), Read(2, 110, 120)]));

    [Fact]
    public void A_failing_history_is_shown_up_to_where_it_fails()
    {
        IReadOnlyList<RegisterOperation> shown = RegisterHistory.Shorten(
            [Write(1, 0, 10), Read(0, 20, 30), Write(2, 40, 50), Read(2, 60, 70)]);
        Assert.Equal([Write(1, 0, 10), Read(0, 20, 30)], shown);
    }

    [Fact]
    public void Random_histories_of_a_real_register_are_linearizable_and_become_wrong_when_a_read_is_changed()
    {
        for (int seed = 1; seed <= 200; seed++)
        {
            var random = new Random(seed);
            List<RegisterOperation> history = RealHistory(random);
            Assert.True(RegisterHistory.IsLinearizable(history), $"seed {seed}");
            int read = history.FindIndex(static operation => operation.Action == RegisterAction.Read);
            history[read] = history[read] with { Value = 999_999 };
            Assert.False(RegisterHistory.IsLinearizable(history), $"seed {seed}");
        }
    }

    /// <summary>Each operation takes effect at one moment; its call is before that, its return after it.</summary>
    private static List<RegisterOperation> RealHistory(Random random)
    {
        var history = new List<RegisterOperation> { Read(0, 0, 1) };
        long value = 0;
        for (int i = 1; i <= 60; i++)
        {
            long moment = i * 100;
            long invoked = moment - random.Next(300);
            long returned = random.Next(10) == 0 ? Unknown : moment + random.Next(300);
            switch (random.Next(3))
            {
                case 0 when returned != Unknown:
                    history.Add(Read(value, invoked, returned));
                    break;
                case 1:
                    history.Add(Swap(value, i, invoked, returned));
                    value = i;
                    break;
                default:
                    history.Add(Write(i, invoked, returned));
                    value = i;
                    break;
            }
        }

        return history;
    }

    private static RegisterOperation Write(long value, long invoked, long returned) => new("c", RegisterAction.Write, value, 0, invoked, returned);

    private static RegisterOperation Read(long value, long invoked, long returned) => new("c", RegisterAction.Read, value, 0, invoked, returned);

    private static RegisterOperation Swap(long expected, long value, long invoked, long returned) =>
        new("c", RegisterAction.Swap, value, expected, invoked, returned);
}
