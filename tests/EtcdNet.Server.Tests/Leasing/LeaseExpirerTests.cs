using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Leasing;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using Xunit.Abstractions;

namespace EtcdNet.Server.Tests.Leasing;

/// <summary>Rule 31: only the leader expires leases, never early, and not all at once.</summary>
public sealed class LeaseExpirerTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _election = TimeSpan.FromSeconds(1);

    [Fact]
    public void A_lease_expires_after_its_TTL_and_within_one_scan()
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 10);
        world.Seconds(9.9);
        Assert.Empty(world.Proposer.Revoked);
        world.Seconds(0.6);
        Assert.Equal([1], world.Proposer.Revoked);
        Assert.Equal(0, world.Leases.Count);
        world.Seconds(100);
        Assert.Equal([1], world.Proposer.Revoked);
        Assert.Equal((1, 1, 1), (world.Expirer.GrantedTotal, world.Expirer.RevokedTotal, world.Expirer.ExpiredTotal));
    }

    [Fact]
    public void A_follower_expires_nothing()
    {
        using var world = new LeaseWorld();
        world.Leases.Grant(1, 10);
        world.Seconds(1000);
        world.Expirer.Promote(_election);
        world.Seconds(10.9);
        Assert.Empty(world.Proposer.Revoked);
        world.Expirer.Demote();
        world.Seconds(1000);
        Assert.Empty(world.Proposer.Revoked);
    }

    [Fact]
    public void A_new_leader_gives_the_whole_TTL_and_the_election_timeout_on_top()
    {
        using var world = new LeaseWorld();
        world.Leases.Grant(1, 10);
        world.Leases.Restore(2, 600, 20);
        world.Expirer.Promote(TimeSpan.FromSeconds(3));
        world.Seconds(12.9);
        Assert.Empty(world.Proposer.Revoked);
        world.Seconds(0.6);
        Assert.Equal([1], world.Proposer.Revoked);
        world.Seconds(22.9 - 13.5);
        Assert.Equal([1], world.Proposer.Revoked);
        world.Seconds(0.6);
        Assert.Equal([1, 2], world.Proposer.Revoked);
    }

    [Fact]
    public async Task A_renewed_lease_lives_its_whole_TTL_again()
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 10);
        for (int i = 0; i < 50; i++)
        {
            world.Seconds(9);
            Assert.Equal(10, await world.Expirer.RenewAsync(1, default));
        }
        world.Seconds(9.9);
        Assert.Empty(world.Proposer.Revoked);
        world.Seconds(0.6);
        Assert.Equal([1], world.Proposer.Revoked);
        Assert.Equal(50, world.Expirer.RenewedTotal);
    }

    [Fact]
    public async Task A_renewal_may_bring_the_expiry_of_a_spread_lease_forward()
    {
        using var world = new LeaseWorld();
        for (int id = 1; id <= 3000; id++)
            world.Leases.Grant(id, 10);
        world.Expirer.Promote(_election);
        TimeSpan longest = TimeSpan.Zero;
        long last = 0;
        for (int id = 1; id <= 3000; id++)
        {
            Assert.True(world.Expirer.TryGetRemaining(id, out TimeSpan remaining, out _));
            if (remaining > longest)
                (longest, last) = (remaining, id);
        }
        Assert.InRange(longest.TotalSeconds, 14.9, 15.1); // 11 s and 3000 leases at 750 a second
        Assert.Equal(10, await world.Expirer.RenewAsync(last, default));
        world.Seconds(10.5);
        Assert.Equal([last], world.Proposer.Revoked);
    }

    [Theory]
    [InlineData(5000, 1000)]
    [InlineData(500, 100)]
    public void Leases_that_expire_together_are_revoked_at_a_bounded_rate(int leases, int rate)
    {
        using var world = new LeaseWorld(new LeaseExpirerOptions { RevokesPerSecondMax = rate });
        world.Expirer.Promote(_election);
        for (int id = 1; id <= leases; id++)
            world.Leases.Grant(id, 10);
        world.Seconds(10);
        int before = world.Proposer.Revoked.Length;
        Assert.InRange(before, 0, rate / 2);
        for (int second = 1; second <= leases / rate; second++)
        {
            world.Seconds(1);
            int now = world.Proposer.Revoked.Length;
            Assert.InRange(now - before, 1, rate);
            before = now;
        }
        Assert.Equal(0, world.Leases.Count);
        Assert.Equal(leases, world.Proposer.Revoked.Distinct().Count());
    }

    [Fact]
    public void A_failed_revoke_is_tried_again_after_three_seconds_and_the_lease_stays_dead()
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 10);
        world.Proposer.Before = static (_, _) => throw EtcdError.Timeout.ToException();
        world.Seconds(10.5);
        Assert.Single(world.Proposer.Revoked);
        world.Seconds(2.4);
        Assert.Single(world.Proposer.Revoked);
        ValueTask<long?> renewal = world.Expirer.RenewAsync(1, default);
        Assert.False(renewal.IsCompleted);
        world.Proposer.Before = null;
        world.Seconds(1);
        Assert.Equal([1, 1], world.Proposer.Revoked);
        Assert.Equal(0, world.Leases.Count);
    }

    [Fact]
    public async Task Keeping_an_expired_lease_alive_waits_for_the_revoke()
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 10);
        world.Seconds(9.75);
        var hold = new TaskCompletionSource();
        world.Proposer.Before = (_, _) => hold.Task;
        world.Seconds(0.3); // expired, not yet looked at
        Task<long?> early = world.Expirer.RenewAsync(1, default).AsTask();
        world.Seconds(1);
        Task<long?> late = world.Expirer.RenewAsync(1, default).AsTask();
        Assert.False(early.IsCompleted || late.IsCompleted);
        hold.SetResult();
        Assert.Null(await early.WaitAsync(Deadline.Limit));
        Assert.Null(await late.WaitAsync(Deadline.Limit));
    }

    [Fact]
    public async Task Losing_leadership_ends_the_waiting_and_forgets_all_times()
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 10);
        var hold = new TaskCompletionSource();
        world.Proposer.Before = (_, cancellation) => hold.Task.WaitAsync(cancellation);
        world.Seconds(11);
        Task<long?> waiting = world.Expirer.RenewAsync(1, default).AsTask();
        world.Expirer.Demote();
        var refused = await Assert.ThrowsAsync<EtcdException>(() => waiting.WaitAsync(Deadline.Limit));
        Assert.Equal(EtcdError.NotLeader.Message, refused.Message);
        Assert.Throws<EtcdException>(() => world.Expirer.TryGetRemaining(1, out _, out _));
        world.Expirer.Promote(_election);
        Assert.Equal(10, await world.Expirer.RenewAsync(1, default));
    }

    [Theory]
    [InlineData("other leader")]
    [InlineData("other term")]
    [InlineData("not confirmed")]
    public void A_leader_that_lost_its_place_unnoticed_proposes_no_revoke(string how)
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 10);
        world.Consensus.OnWait = () =>
        {
            world.Consensus.Current = how switch
            {
                "other leader" => world.Consensus.Current with { Leader = 2 },
                "other term" => world.Consensus.Current with { Term = 9 },
                _ => throw EtcdError.LeaderChanged.ToException(),
            };
            return ValueTask.CompletedTask;
        };
        world.Seconds(11);
        Assert.True(world.Consensus.Waits > 0);
        Assert.Empty(world.Proposer.Revoked);
        world.Consensus.OnWait = null;
        world.Consensus.Current = world.Consensus.Current with { Leader = 1 };
        world.Seconds(4);
        Assert.Equal([1], world.Proposer.Revoked);
    }

    [Fact]
    public void Revoked_leases_with_long_TTLs_leave_nothing_behind()
    {
        using var world = new LeaseWorld();
        world.Expirer.Promote(_election);
        for (int i = 0; i < 20_000; i++)
        {
            world.Leases.Grant(1, LeaseStore.MaxTtl);
            world.Leases.Remove(1);
        }
        Assert.InRange(world.Expirer.TimerPlaces, 0, 1100);
        world.Leases.Grant(1, LeaseStore.MaxTtl);
        world.Leases.Grant(2, 10);
        world.Seconds(10.5);
        Assert.Equal([2], world.Proposer.Revoked);
    }

    [Fact]
    public void The_largest_TTL_does_not_overflow()
    {
        using var world = new LeaseWorld();
        world.Leases.Grant(1, LeaseStore.MaxTtl);
        world.Expirer.Promote(TimeSpan.FromDays(10_000));
        world.Seconds(1e6);
        Assert.True(world.Expirer.TryGetRemaining(1, out TimeSpan remaining, out long granted));
        Assert.True(remaining > TimeSpan.FromSeconds(LeaseStore.MaxTtl - 1));
        Assert.Equal(LeaseStore.MaxTtl, granted);
        Assert.Empty(world.Proposer.Revoked);
    }

    [Fact]
    public void A_replaced_state_brings_its_own_leases()
    {
        using var world = new LeaseWorld();
        world.Leases.Grant(1, 10);
        var other = new LeaseStore(LeaseWorld.MinTtl);
        other.Grant(2, 10);
        world.Expirer.Rebind(other);
        other.Grant(3, 10);
        world.Leases.Grant(4, 10);
        Assert.Equal([2, 3], world.Expirer.IdsByExpiry());
        world.Expirer.Promote(_election);
        Assert.Throws<InvalidOperationException>(() => world.Expirer.Rebind(world.Leases));
    }

    [Fact]
    public async Task Checkpoints_keep_the_remaining_time_over_a_change_of_leader()
    {
        using var world = new LeaseWorld(new LeaseExpirerOptions { Checkpoints = true });
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 1000);
        world.Leases.Grant(2, 200); // shorter than the interval: never
        for (int i = 0; i < 3; i++)
        {
            world.Seconds(150);
            await world.Expirer.RenewAsync(2, default);
        }
        LeaseCheckpoint first = Assert.Single(world.Proposer.Checkpointed);
        Assert.Equal((1, 700), (first.ID, first.RemainingTTL));
        world.Expirer.Demote();
        world.Expirer.Promote(_election);
        Assert.Equal(701, await world.RemainingAsync(1));
        Assert.Equal(1000, await world.Expirer.RenewAsync(1, default));
        Assert.Equal(0, world.Proposer.Checkpointed[^1].RemainingTTL);
        world.Expirer.Demote();
        world.Expirer.Promote(_election);
        Assert.Equal(1001, await world.RemainingAsync(1));
    }

    [Fact]
    public async Task A_renewal_while_a_checkpoint_is_on_its_way_is_not_undone_by_it()
    {
        using var world = new LeaseWorld(new LeaseExpirerOptions { Checkpoints = true });
        world.Expirer.Promote(_election);
        world.Leases.Grant(1, 1000);
        var hold = new TaskCompletionSource();
        world.Proposer.Before = (_, _) => hold.Task;
        world.Seconds(300);
        Assert.Single(world.Proposer.Checkpointed);
        Task<long?> renewal = world.Expirer.RenewAsync(1, default).AsTask();
        Assert.False(renewal.IsCompleted);
        hold.SetResult();
        Assert.Equal(1000, await renewal.WaitAsync(Deadline.Limit));
        world.Expirer.Demote();
        world.Expirer.Promote(_election);
        Assert.Equal(1001, await world.RemainingAsync(1));
    }

    [Theory]
    [InlineData(21)]
    [InlineData(22)]
    [InlineData(23)]
    public async Task No_lease_expires_early_or_is_forgotten(int seed)
    {
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var world = new LeaseWorld();
        var earliest = new Dictionary<long, double>(); // by the model: not before
        double now = 0;
        bool leads = false;
        long next = 1;
        for (int step = 0; step < 3000; step++)
        {
            switch (random.Next(10))
            {
                case < 4:
                    long ttl = random.Next(2, 60);
                    earliest[next] = leads ? now + ttl : double.MaxValue;
                    world.Leases.Grant(next++, ttl);
                    break;
                case < 7 when leads && earliest.Count > 0:
                    long renewed = earliest.Keys.ElementAt(random.Next(earliest.Count));
                    if (earliest[renewed] > now)
                        earliest[renewed] = now + (await world.Expirer.RenewAsync(renewed, default) ?? 0);
                    break;
                case 7 when random.Next(20) == 0:
                    leads = !leads;
                    if (leads)
                        world.Expirer.Promote(_election);
                    else
                        world.Expirer.Demote();
                    foreach (long id in earliest.Keys)
                    {
                        Assert.True(world.Leases.TryGet(id, out Lease? lease));
                        earliest[id] = leads ? now + lease.Ttl + 1 : double.MaxValue;
                    }
                    break;
                default:
                    double by = random.Next(1, 20) / 4.0;
                    world.Seconds(by);
                    now += by;
                    break;
            }
            CheckAgainst(earliest, world, leads, now);
        }
    }

    private static void CheckAgainst(Dictionary<long, double> earliest, LeaseWorld world, bool leads, double now)
    {
        foreach ((long id, double moment) in earliest.ToArray())
        {
            bool alive = world.Leases.Contains(id);
            Assert.True(alive || moment <= now, $"lease {id} expired before {moment}, at {now}");
            if (leads)
                Assert.True(!alive || moment > now - 0.5, $"lease {id} should be gone since {moment}, it is {now}");
            if (!alive)
                earliest.Remove(id);
        }
    }
}
