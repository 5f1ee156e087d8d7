using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>A machine that goes on from the state of another one.</summary>
public sealed class AdoptTests
{
    [Fact]
    public void Everything_of_the_other_state_is_there_and_nothing_else()
    {
        var behind = new Machine();
        behind.Put("a", "old");
        behind.Put("gone", "1");
        behind.Grant(3);
        Machine ahead = Ahead();
        ahead.Delete("gone");
        ahead.Put("new", "2", lease: 9);

        behind.State.Adopt(Restored(ahead));
        Assert.Equal("a=old new=2", behind.Show("\0", "\0"));
        Assert.Equal(ahead.State.Hash(), behind.State.Hash());
        Assert.Equal(ahead.State.ConsistentIndex, behind.State.AppliedIndex);
        Assert.False(behind.State.Leases.Contains(3));
        Assert.Equal(9, behind.State.Leases.LeaseOf("new"u8.ToArray()));
    }

    [Fact]
    public void Who_reads_by_rights_can_tell_that_keys_are_being_replaced()
    {
        var behind = new Auth.AuthMachine(enabled: false);
        var ahead = new Auth.AuthMachine();
        for (int i = 0; i < 20; i++)
            Assert.Null(ahead.As("root", Auth.AuthMachine.Put("k")));
        var told = new List<(bool Replaced, bool Enabled, bool HasKey)>();
        behind.Auth.Observer = new Watching(() => told.Add((behind.Auth.IsBeingReplaced, behind.Auth.View.Enabled, behind.Machine.Show("k", "") != "")));
        Assert.False(behind.Auth.IsBeingReplaced);
        behind.Machine.State.Adopt(Restored(ahead.Machine));
        // The keys are there already, and the users that they belong to are not.
        Assert.Equal([(true, false, true)], told);
        Assert.False(behind.Auth.IsBeingReplaced);
        Assert.True(behind.Auth.View.Enabled);
    }

    [Fact]
    public void It_goes_on_like_the_other_one()
    {
        var behind = new Machine();
        behind.Put("a", "old");
        Machine ahead = Ahead();
        behind.State.Adopt(Restored(ahead));
        foreach (Machine machine in (Machine[])[ahead, behind])
        {
            ulong index = machine.State.ConsistentIndex;
            machine.State.Apply(++index, 1, new InternalRaftRequest { Put = new PutRequest { Key = Machine.Bytes("a"), Value = Machine.Bytes("3") } });
            machine.State.Apply(++index, 1, new InternalRaftRequest { Compaction = new CompactionRequest { Revision = 3 } });
            machine.State.Apply(++index, 1, new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = 9 } });
            while (machine.State.Compactor.Step(1))
            {
            }
        }

        Assert.Equal(ahead.State.Hash(), behind.State.Hash());
        Assert.Equal(ahead.State.Capture().RecordCrcSum, behind.State.Capture().RecordCrcSum);
    }

    [Fact]
    public void An_older_state_is_refused()
    {
        Machine ahead = Ahead();
        StateMachine older = Restored(ahead);
        ahead.Put("a", "newer");
        Assert.Throws<InvariantException>(() => ahead.State.Adopt(older));
    }

    [Fact]
    public async Task Readers_go_on_and_the_old_backend_is_let_go_when_they_are_done()
    {
        Machine ahead = Ahead();
        StateMachine prepared = Restored(ahead);
        var behind = new Machine();
        behind.Put("a", "old");
        using var stop = new CancellationTokenSource();
        Task<int> reader = Task.Run(() =>
        {
            int reads = 0;
            for (; !stop.IsCancellationRequested || reads == 0; reads++)
                Assert.Equal("old", behind.Range("a").Kvs[0].Value.ToStringUtf8());
            return reads;
        });
        ExchangeableBackend.Retired retired = behind.State.Adopt(prepared);
        Assert.NotSame(behind.State.Backend.Current, retired.Backend);
        await stop.CancelAsync();
        Assert.True(await reader > 0);
        Assert.True(retired.IsUnused);
    }

    private static Machine Ahead()
    {
        var ahead = new Machine();
        ahead.Grant(9);
        ahead.Put("a", "old");
        ahead.Put("gone", "1");
        ahead.Put("b", "2", lease: 9);
        ahead.Delete("b");
        return ahead;
    }

    private static StateMachine Restored(Machine machine)
    {
        StateImage image = machine.State.Capture();
        var backend = new InMemoryBackend();
        ((InMemoryBackend)machine.State.Backend.Current).Scan((revision, info, bytes) => backend.Put(revision, info.Tombstone, bytes));
        var restored = new StateMachine(backend, minLeaseTtl: 2);
        restored.Restore(image, backend);
        return restored;
    }

    private sealed class Watching(Action allInvalidated) : EtcdNet.StateMachine.Auth.IAuthObserver
    {
        public void OnAuthenticated(ulong index, string user, string token) => throw new InvalidOperationException();

        public void OnUserInvalidated(string user) => throw new InvalidOperationException();

        public void OnAllInvalidated() => allInvalidated();
    }
}
