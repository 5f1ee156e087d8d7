using EtcdNet.Model.Naive;
using EtcdNet.Model.Replicas;
using EtcdNet.Model.Script;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine;
using Xunit.Abstractions;

namespace EtcdNet.Model.Tests;

/// <summary>A check is worth what it finds: each mistake made on purpose is found within some scripts, and shrunk to a few readable steps.</summary>
public sealed class MistakeTests(ITestOutputHelper output)
{
    private const int ScriptsMax = 60;
    private const int StepsMax = 12;

    public static TheoryData<string, Func<long, NaiveStore>?, Func<IReplica, IReplica>?> Mistakes => new()
    {
        { "the compact revision itself is not readable", static ttl => new GoneTooEarly(ttl), null },
        { "a deleted key goes on counting its versions", static ttl => new VersionsGoOn(ttl), null },
        { "a put without a lease leaves the old lease on", static ttl => new LeaseStays(ttl), null },
        { "more is said when the limit is just met", static ttl => new MoreTooOften(ttl), null },
        { "a batch of three loses its last entry", null, static replica => new LosesWrites(replica) },
        { "a power cut loses the last compaction", null, static replica => new Forgets(replica) },
        { "a batch is answered in the wrong order", null, static replica => new Confuses(replica) },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_found_and_shrunk(string mistake, Func<long, NaiveStore>? naive, Func<IReplica, IReplica>? alter)
    {
        Failure? Run(IReadOnlyList<Step> script) => Session.Run(script, naive, alter);
        for (int seed = 1; seed <= ScriptsMax; seed++)
        {
            List<Step> script = Generator.Script(seed, ModelRun.StepsPerScript);
            if (Run(script) is not { } failure)
                continue;
            output.WriteLine($"{mistake}:\n{ModelRun.Report(seed, failure, Run)}");
            (List<Step> shortest, _) = new Shrinker(Run).Shrink(script);
            Assert.InRange(shortest.Count, 1, StepsMax);
            Assert.True(Session.Run(shortest) is null, "without the mistake the short script must pass");
            return;
        }

        Assert.Fail($"not found in {ScriptsMax} scripts: {mistake}");
    }

    [Fact]
    public void A_seed_gives_the_same_script_every_time() =>
        Assert.Equal(Generator.Script(5, 500).Select(static step => step.ToString()), Generator.Script(5, 500).Select(static step => step.ToString()));

    private sealed class GoneTooEarly(long ttl) : NaiveStore(ttl)
    {
        protected override bool IsGone(long revision) => revision <= Compacted;
    }

    private sealed class VersionsGoOn(long ttl) : NaiveStore(ttl)
    {
        private long _version;

        protected override long NextVersion(KeyValue? old) => old is null ? ++_version : old.Version + 1;
    }

    private sealed class LeaseStays(long ttl) : NaiveStore(ttl)
    {
        protected override long LeaseOfPlainPut(KeyValue? old) => old?.Lease ?? 0;
    }

    private sealed class MoreTooOften(long ttl) : NaiveStore(ttl)
    {
        protected override bool HasMore(long limit, int found) => limit > 0 && found >= limit;
    }

    private sealed class LosesWrites(IReplica replica) : Altered(replica)
    {
        public override IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group)
        {
            if (group.Count < 3)
                return Replica.Commit(group);
            return [.. Replica.Commit([.. group.SkipLast(1)]), new Answer(null, null)];
        }
    }

    private sealed class Forgets(IReplica replica) : Altered(replica)
    {
        private bool _forget;

        public override IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group) =>
            _forget && group.Count == 1 && group[0].Compaction is not null ? [new Answer(new CompactionResponse { Header = Header() }, null)] : Replica.Commit(group);

        public override void Restart(Random? powerCut)
        {
            _forget |= powerCut is not null;
            Replica.Restart(powerCut);
        }

        private ResponseHeader Header() => new() { Revision = Machine.Store.CurrentRevision };
    }

    private sealed class Confuses(IReplica replica) : Altered(replica)
    {
        public override IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group) => [.. Replica.Commit(group).Reverse()];
    }

    private abstract class Altered(IReplica replica) : IReplica
    {
        public string Name => replica.Name;

        public StateMachine.StateMachine Machine => replica.Machine;

        public IBackend Backend => replica.Backend;

        protected IReplica Replica => replica;

        public virtual IReadOnlyList<Answer> Commit(IReadOnlyList<InternalRaftRequest> group) => replica.Commit(group);

        public void Prune(int keys) => replica.Prune(keys);

        public void Collect(long bytes) => replica.Collect(bytes);

        public void Checkpoint(bool wait) => replica.Checkpoint(wait);

        public virtual void Restart(Random? powerCut) => replica.Restart(powerCut);

        public void Dispose() => replica.Dispose();
    }
}
