using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.Server.Tests.Cluster;
using EtcdNet.Testing.Bolt;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Snapshots;

/// <summary>Maintenance/Snapshot on whole members.</summary>
public sealed class DatabaseSnapshotTests : IAsyncLifetime, IAsyncDisposable
{
    private readonly ClusterWorld _world = new(1);

    private RunningMember Member => _world[1];

    public Task InitializeAsync() => _world.StartAllAsync();

    Task IAsyncLifetime.DisposeAsync() => Task.CompletedTask;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task It_is_a_file_in_pieces_and_its_checksum()
    {
        int sent = 0;
        Member.Snapshots.Sent = _ => Interlocked.Increment(ref sent);
        string value = new('v', 1000);
        for (int i = 0; i < 300; i++)
            await ClusterWorld.PutOnceAsync(Member, $"key{i}", value);
        var saved = new SavedSnapshot();
        await SaveAsync(saved);
        IReadOnlyDictionary<string, BoltPair[]> buckets = saved.Read();
        Assert.InRange(saved.Messages.Count, 10, 20);
        Assert.Equal(Enumerable.Range(2, 300).Select(static revision => (ulong)revision), SavedSnapshot.Revisions(buckets));
        Assert.Equal(Member.Machine.AppliedIndex, SavedSnapshot.ConsistentIndex(buckets));
        Assert.Single(buckets["members"]);
        Assert.Equal((1, long.MaxValue), (sent, Member.Machine.Store.Pins.Oldest));
    }

    [Fact]
    public async Task Each_is_of_one_moment_while_writes_go_on()
    {
        await ClusterWorld.PutOnceAsync(Member, "key", "first");
        using var stop = new CancellationTokenSource();
        Task writing = WriteUntilAsync(stop.Token);
        ulong before = 0;
        for (int i = 0; i < 20; i++)
        {
            var saved = new SavedSnapshot();
            await SaveAsync(saved);
            IReadOnlyDictionary<string, BoltPair[]> buckets = saved.Read();
            ulong[] revisions = SavedSnapshot.Revisions(buckets);
            Assert.Equal(Enumerable.Range(2, revisions.Length).Select(static revision => (ulong)revision), revisions);
            // Every put is an entry of its own, and nothing else is proposed.
            before = before == 0 ? SavedSnapshot.ConsistentIndex(buckets) - revisions[^1] : before;
            Assert.Equal(before + revisions[^1], SavedSnapshot.ConsistentIndex(buckets));
        }
        await stop.CancelAsync();
        await writing;
    }

    [Fact]
    public async Task A_client_that_leaves_frees_the_past()
    {
        for (int i = 0; i < 10; i++)
            await ClusterWorld.PutOnceAsync(Member, "key", $"{i}");
        using var leaving = new CancellationTokenSource();
        var saved = new SavedSnapshot();
        saved.CloseWindow();
        Task saving = SaveAsync(saved, leaving.Token);
        await Deadline.UntilAsync(() => Member.Machine.Store.Pins.Oldest == 0, "the pin");
        var compaction = new CompactionRequest { Revision = 8, Physical = true };
        Task<CompactionResponse> compacting = Member.Services.Kv.CompactAsync(compaction, new CallContext()).AsTask();
        await Deadline.UntilAsync(() => Member.Machine.Store.CompactRevision == 8, "the compaction");
        Assert.False(compacting.IsCompleted);
        await leaving.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => saving);
        await compacting.WaitAsync(Deadline.Limit);
        Assert.Equal(long.MaxValue, Member.Machine.Store.Pins.Oldest);
    }

    [Fact]
    public async Task What_a_compaction_leaves_is_saved_and_can_be_saved_twice_at_a_time()
    {
        for (int i = 0; i < 200; i++)
            await ClusterWorld.PutOnceAsync(Member, $"key{i % 20}", $"{i}");
        await Member.Services.Kv.CompactAsync(new CompactionRequest { Revision = 101 }, new CallContext());
        SavedSnapshot[] saved = [new(), new(), new()];
        await Task.WhenAll(saved.Select(one => SaveAsync(one)));
        foreach (SavedSnapshot one in saved)
            Assert.Equal(Enumerable.Range(82, 120).Select(static revision => (ulong)revision), SavedSnapshot.Revisions(one.Read()));
    }

    [Fact]
    public async Task It_needs_no_leader()
    {
        await using var world = new ClusterWorld(3);
        await world.StartAllAsync();
        RunningMember leader = await world.LeaderAsync();
        await ClusterWorld.PutAsync(leader, "key", "value");
        await world.AgreeAsync();
        int left = world.NumberOf(world.Running.First(member => member != leader));
        foreach (int number in Enumerable.Range(1, 3).Where(number => number != left))
            await world.StopAsync(number);
        await world.UntilAsync(() => world[left].Status.Current.Leader == 0, "no leader");
        var saved = new SavedSnapshot();
        await world[left].Services.Maintenance.SnapshotAsync(new SnapshotRequest(), saved, new CallContext());
        IReadOnlyDictionary<string, BoltPair[]> buckets = saved.Read();
        Assert.Equal("key", Protocol.Mvccpb.KeyValue.Parser.ParseFrom(buckets["key"][^1].Value).Key.ToStringUtf8());
        Assert.Equal(3, buckets["members"].Length);
    }

    private Task SaveAsync(SavedSnapshot saved, CancellationToken cancellation = default) =>
        Member.Services.Maintenance.SnapshotAsync(new SnapshotRequest(), saved, new CallContext { Cancellation = cancellation });

    private async Task WriteUntilAsync(CancellationToken stop)
    {
        for (int i = 0; !stop.IsCancellationRequested; i++)
            await ClusterWorld.PutOnceAsync(Member, $"key{i % 100}", $"{i}");
    }
}
