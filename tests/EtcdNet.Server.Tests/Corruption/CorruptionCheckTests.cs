using EtcdNet.Server.Corruption;
using EtcdNet.Storage;
using EtcdNet.Testing;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Corruption;

/// <summary>Who is found to have other data than the rest, and who is not.</summary>
public sealed class CorruptionCheckTests
{
    [Fact]
    public async Task Equal_members_are_left_alone()
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", world.All);
        await world.Check.BeforeServingAsync(CancellationToken.None);
        await world.Check.CompareAsync(CancellationToken.None);
        Assert.Equal(4, world.Asked);
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task A_member_with_other_data_does_not_start()
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", 2, 3);
        world.Put("a", "2", 1);
        var refused = await Assert.ThrowsAsync<DataDirectoryException>(() => world.Check.BeforeServingAsync(CancellationToken.None));
        Assert.Contains("found data inconsistency with peers", refused.Message, StringComparison.Ordinal);
        Assert.Contains("member 2 has", refused.Message, StringComparison.Ordinal);
        Assert.Contains("3 has", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_silent_behind_or_compacted_proves_nothing_before_the_start()
    {
        var world = new CorruptionWorld(4);
        world.Put("a", "1", 1, 2, 4);
        world.Put("a", "2", 1, 4);
        world.Compact(2, 4);
        world.Silent.Add(3);
        await world.Check.BeforeServingAsync(CancellationToken.None);
        Assert.Equal(3, world.Asked);
    }

    [Fact]
    public async Task The_alarm_is_raised_once_for_each_member_that_differs()
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", 1, 3);
        world.Put("a", "2", 2);
        await world.Check.CompareAsync(CancellationToken.None);
        await world.Check.CompareAsync(CancellationToken.None);
        Assert.Equal([2ul], world.Alarms);
    }

    [Theory]
    [InlineData(1)] // the leader itself
    [InlineData(2)]
    public async Task A_member_that_cannot_read_its_records_is_found(int damaged)
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", world.All);
        world.Damage((ulong)damaged, 2);
        await world.Check.CompareAsync(CancellationToken.None);
        Assert.Equal([(ulong)damaged], world.Alarms);
    }

    [Fact]
    public async Task A_damaged_member_does_not_start_and_keeps_no_other_from_it()
    {
        var world = new CorruptionWorld(2);
        world.Put("a", "1", world.All);
        world.Damage(2, 2);
        await world.Check.BeforeServingAsync(CancellationToken.None);
        world.Damage(1, 2);
        Assert.Contains("damaged", (await Assert.ThrowsAsync<DataDirectoryException>(() => world.Check.BeforeServingAsync(CancellationToken.None))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_member_that_is_ahead_of_the_leader_cannot_be_right()
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", 1, 2, 3);
        world.Put("a", "2", 2);
        await world.Check.CompareAsync(CancellationToken.None);
        Assert.Equal([2ul], world.Alarms);
    }

    [Fact]
    public async Task Neither_can_one_that_has_compacted_more()
    {
        var world = new CorruptionWorld(2);
        world.Put("a", "1", 1, 2);
        world.Put("a", "2", 1, 2);
        world.Compact(2, 2);
        await world.Check.CompareAsync(CancellationToken.None);
        Assert.Equal([2ul], world.Alarms);
    }

    [Fact]
    public async Task What_was_written_while_the_others_were_asked_is_waited_for()
    {
        var world = new CorruptionWorld(2);
        world.Put("a", "1", 1, 2);
        world.Put("a", "2", 2);
        world.Reads.OnWait = () =>
        {
            world.Put("a", "2", 1);
            return ValueTask.CompletedTask;
        };
        await world.Check.CompareAsync(CancellationToken.None);
        Assert.Equal(1, world.Reads.Waits);
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task What_is_committed_and_not_applied_here_is_waited_for_though_nobody_has_to_be_asked()
    {
        var world = new CorruptionWorld(2);
        world.Put("a", "1", 1, 2);
        world.Put("a", "2", 2);
        world.Reads.Current = world.Reads.Current with { CommitIndex = 2 };
        Task comparing = world.Check.CompareAsync(CancellationToken.None);
        await Deadline.UntilAsync(() => world.Reads.Waits == 1, "the question whether this member leads");
        Assert.False(comparing.IsCompleted);
        world.Put("a", "2", 1);
        await comparing.WaitAsync(Deadline.Limit);
        Assert.Empty(world.Alarms);
    }

    [Theory]
    [InlineData(3, "2", "2")] // the minority is wrong
    [InlineData(3, "1", "1")] // also when it leads
    [InlineData(4, "34", "0")] // two against two: nobody knows
    [InlineData(5, "24", "2 4")]
    public async Task A_majority_of_the_hashes_of_a_compaction_is_right(int members, string wrong, string alarms)
    {
        var world = new CorruptionWorld(members);
        world.Put("a", "1", world.All);
        foreach (ulong member in world.All)
            world.Put("a", wrong.Contains((char)('0' + member), StringComparison.Ordinal) ? "2" : "3", member);
        world.Compact(3, world.All);
        await world.Check.CompareCompactionsAsync(CancellationToken.None);
        Assert.Equal(alarms, string.Join(' ', world.Alarms));
    }

    [Fact]
    public async Task A_compaction_that_all_agree_on_is_not_compared_again()
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", world.All);
        world.Put("a", "2", world.All);
        world.Compact(3, world.All);
        await world.Check.CompareCompactionsAsync(CancellationToken.None);
        await world.Check.CompareCompactionsAsync(CancellationToken.None);
        Assert.Equal(2, world.Asked);
        Assert.Empty(world.Alarms);
    }

    [Fact]
    public async Task While_somebody_is_silent_older_compactions_are_compared_too()
    {
        var world = new CorruptionWorld(3);
        world.Put("a", "1", world.All);
        world.Put("a", "2", world.All);
        world.Compact(2, world.All);
        world.Compact(3, world.All);
        world.Silent.Add(3);
        await world.Check.CompareCompactionsAsync(CancellationToken.None);
        await world.Check.CompareCompactionsAsync(CancellationToken.None);
        Assert.Equal(8, world.Asked);
    }

    [Fact]
    public async Task Only_a_leader_compares_and_goes_on_after_a_failure()
    {
        var world = new CorruptionWorld(2);
        world.Put("a", "1", 1);
        world.Put("a", "2", 2);
        var time = new ManualTimeProvider();
        var status = new FakeConsensus();
        status.Current = status.Current with { Leader = 2 };
        var monitor = new CorruptionMonitor(world.Check, TimeSpan.FromMinutes(1), TimeSpan.Zero, status, time, Logger.None);
        using var stop = new CancellationTokenSource();
        Task running = monitor.RunAsync(stop.Token);
        int turns = 0;
        world.Reads.OnWait = () => ++turns == 1 ? throw StateMachine.Errors.EtcdError.Timeout.ToException() : ValueTask.CompletedTask;

        time.Advance(TimeSpan.FromMinutes(1));
        status.Current = status.Current with { Leader = 1 };
        await Deadline.UntilAsync(Compared(1), "the first comparison, which fails");
        await Deadline.UntilAsync(Compared(2), "the second one");
        await Deadline.UntilAsync(() => world.Alarms.Count == 1, "the alarm");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running.WaitAsync(Deadline.Limit));

        Func<bool> Compared(int count) => () =>
        {
            time.Advance(TimeSpan.FromMinutes(1));
            return world.Reads.Waits >= count;
        };
    }
}
