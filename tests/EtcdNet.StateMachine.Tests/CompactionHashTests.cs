using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>Hashes that outlive the past they are of. The numbers themselves are compared with etcd in the conformance scripts.</summary>
public sealed class CompactionHashTests
{
    private readonly Machine _machine = new(new InMemoryBackend(dropReleased: true));

    [Fact]
    public void The_hash_of_a_compaction_is_that_before_it()
    {
        Write(10);
        KvHashResult before = _machine.Store.Hash(6);
        Assert.Null(_machine.Compact(6, physically: false));
        using (ScheduledCompaction scheduled = Taken())
        {
            Assert.Equal(6, scheduled.Revision);
            Assert.False(_machine.State.Compactor.HasWork);
            scheduled.Hash(CancellationToken.None);
        }
        Finish();
        Write(1);
        KvHashResult kept = _machine.Store.Hash(6);
        Assert.Equal((before.Hash, 6L, -1L, 12L), (kept.Hash, kept.Revision, kept.CompactRevision, kept.CurrentRevision));
        Assert.Equal(EtcdError.Compacted.Message, Assert.Throws<EtcdException>(() => _machine.Store.Hash(5)).Message);
    }

    [Fact]
    public void Two_compactions_before_a_pass_have_two_hashes()
    {
        Write(10);
        Assert.Null(_machine.Compact(4, physically: false));
        KvHashResult byFour = _machine.Store.Hash(8);
        Assert.Null(_machine.Compact(8, physically: false));
        using (ScheduledCompaction first = Taken(), second = Taken())
        {
            second.Hash(CancellationToken.None);
            first.Hash(CancellationToken.None);
        }
        Finish();
        Assert.Equal((byFour.Hash, 4L), (_machine.Store.Hash(8).Hash, _machine.Store.Hash(8).CompactRevision));
        Assert.Equal(-1, _machine.Store.Hash(4).CompactRevision);
    }

    [Fact]
    public void Ten_are_kept_and_what_is_not_taken_is_no_burden()
    {
        Write(40);
        for (long revision = 2; revision <= 13; revision++)
        {
            Assert.Null(_machine.Compact(revision, physically: false));
            using ScheduledCompaction scheduled = Taken();
            scheduled.Hash(CancellationToken.None);
        }
        Finish();
        Assert.Equal(13, _machine.Store.Hash(13).Revision);
        Assert.Equal(4, _machine.Store.Hash(4).Revision);
        Assert.Throws<EtcdException>(() => _machine.Store.Hash(3));
        for (long revision = 14; revision <= 40; revision++)
            Assert.Null(_machine.Compact(revision));
        // The passes for them have begun long ago.
        Assert.Null(_machine.Store.TakeScheduled());
    }

    [Fact]
    public void A_cancelled_hash_keeps_nothing_and_lets_the_compactor_go()
    {
        Write(10);
        Assert.Null(_machine.Compact(6, physically: false));
        using (ScheduledCompaction scheduled = Taken())
            Assert.Throws<OperationCanceledException>(() => scheduled.Hash(new CancellationToken(canceled: true)));
        Finish();
        Assert.NotEqual(-1, _machine.Store.Hash(6).CompactRevision);
    }

    [Fact]
    public void What_a_leaders_state_has_replaced_is_not_hashed()
    {
        Write(10);
        Assert.Null(_machine.Compact(6, physically: false));
        using (ScheduledCompaction scheduled = Taken())
        {
            var ahead = new Machine();
            for (int i = 0; i < 20; i++)
                ahead.Put($"k{i % 2}", $"{i}");
            Assert.Null(ahead.Compact(15));
            _machine.State.Adopt(new Machine(ahead.Backend, ahead.State.Capture()).State);
            scheduled.Hash(CancellationToken.None);
        }
        Assert.Empty(_machine.Store.Hashes.NewestFirst());
    }

    private ScheduledCompaction Taken() => _machine.Store.TakeScheduled() ?? throw new InvalidOperationException("nothing is scheduled");

    private void Write(int count)
    {
        for (int i = 0; i < count; i++)
            _machine.Put($"k{i % 3}", $"{i}");
    }

    private void Finish()
    {
        while (_machine.State.Compactor.Step(3))
        {
        }
        Assert.Equal(_machine.Store.CompactRevision, _machine.State.Compactor.FinishedRevision);
    }
}
