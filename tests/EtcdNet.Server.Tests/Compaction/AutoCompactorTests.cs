using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Compaction;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Tests.Watching;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Testing;
using Google.Protobuf;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Compaction;

/// <summary>Rule 20, step by step on a clock that is moved by hand. One write a minute: a step at minute n sees revision n.</summary>
public sealed class AutoCompactorTests
{
    [Fact]
    public void Within_an_hour_history_is_compacted_once_per_span()
    {
        using var world = new World(new PeriodicSchedule(TimeSpan.FromMinutes(20), 1));
        // Noted each 2 minutes. After 20 minutes the oldest note is that of the start.
        world.Minutes(19);
        Assert.Empty(world.Compacted);
        world.Minutes(1);
        Assert.Equal([1L], world.Compacted);
        world.Minutes(19);
        Assert.Single(world.Compacted);
        // 40 minutes: the note of 18 minutes ago, 22 minutes before the newest step.
        world.Minutes(1);
        Assert.Equal([1, 18], world.Compacted);
    }

    [Fact]
    public void A_longer_span_is_waited_for_once_and_then_compacted_hourly()
    {
        using var world = new World(new PeriodicSchedule(TimeSpan.FromHours(3), 1));
        world.Minutes(179);
        Assert.Empty(world.Compacted);
        world.Minutes(1);
        Assert.Equal([1L], world.Compacted);
        world.Minutes(59);
        Assert.Single(world.Compacted);
        world.Minutes(1);
        Assert.Equal([1, 54], world.Compacted);
        world.Minutes(60);
        Assert.Equal([1, 54, 114], world.Compacted);
    }

    [Fact]
    public void Only_a_leader_compacts_and_a_new_one_knows_the_past()
    {
        using var world = new World(new PeriodicSchedule(TimeSpan.FromMinutes(10), 1));
        world.Consensus.Current = world.Consensus.Current with { Leader = 9 };
        world.Minutes(35);
        Assert.Empty(world.Compacted);
        world.Consensus.Current = world.Consensus.Current with { Leader = 1 };
        world.Minutes(1);
        Assert.Equal([25L], world.Compacted);
    }

    [Fact]
    public void What_failed_is_tried_again_at_the_next_step()
    {
        using var world = new World(new PeriodicSchedule(TimeSpan.FromMinutes(10), 1));
        world.Proposer.Error = EtcdError.NoLeader;
        world.Minutes(12);
        Assert.Equal(3, world.Proposer.Asked);
        Assert.Empty(world.Compacted);
        world.Proposer.Error = null;
        world.Minutes(1);
        Assert.Equal([2L], world.Compacted);
        world.Minutes(9);
        Assert.Single(world.Compacted);
    }

    [Fact]
    public void What_somebody_else_compacted_counts_as_done()
    {
        using var world = new World(new PeriodicSchedule(TimeSpan.FromMinutes(10), 1));
        world.Proposer.Error = EtcdError.Compacted;
        world.Minutes(19);
        Assert.Equal(1, world.Proposer.Asked);
    }

    [Fact]
    public void Nothing_new_is_nothing_to_compact()
    {
        using var world = new World(new PeriodicSchedule(TimeSpan.FromMinutes(10), 1)) { WritesPerMinute = 0 };
        world.Minutes(60);
        Assert.Equal([1L], world.Compacted);
    }

    [Fact]
    public void By_revision_the_newest_are_kept_each_five_minutes()
    {
        using var world = new World(new RevisionSchedule(7));
        world.Minutes(9);
        Assert.Empty(world.Compacted);
        world.Minutes(1);
        Assert.Equal([3L], world.Compacted);
        world.Minutes(10);
        Assert.Equal([3, 8, 13], world.Compacted);
        world.WritesPerMinute = 0;
        world.Minutes(30);
        Assert.Equal([3, 8, 13, 14], world.Compacted);
    }

    [Fact]
    public void A_stopped_one_does_nothing()
    {
        var world = new World(new RevisionSchedule(1));
        world.Dispose();
        world.Minutes(60);
        Assert.Equal(0, world.Proposer.Asked);
        Assert.Equal(0, world.Time.ActiveTimers);
    }

    private sealed class World : IDisposable
    {
        private readonly AutoCompactor _compactor;

        public World(ICompactionSchedule schedule) =>
            _compactor = new AutoCompactor(schedule, History, Consensus, Proposer, Time, Logger.None);

        public ManualTimeProvider Time { get; } = new();

        public FakeConsensus Consensus { get; } = new();

        public FakeStore History { get; } = new();

        public RecordingProposer Proposer { get; } = new();

        public List<long> Compacted => Proposer.Compacted;

        public int WritesPerMinute { get; set; } = 1;

        public void Minutes(int count)
        {
            for (int i = 0; i < count; i++)
            {
                // The clock's step ends with the timers of that moment, which come before that minute's write.
                Time.Advance(TimeSpan.FromMinutes(1));
                for (int write = 0; write < WritesPerMinute; write++)
                    History.Put("k", "v");
            }
        }

        public void Dispose() => _compactor.Dispose();
    }

    private sealed class RecordingProposer : IProposer
    {
        public List<long> Compacted { get; } = [];

        public int Asked { get; private set; }

        public EtcdError? Error { get; set; }

        public ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation)
        {
            Asked++;
            if (Error is not null)
                throw Error.ToException();
            Compacted.Add(request.Compaction.Revision);
            return new(new CompactionResponse());
        }
    }
}
