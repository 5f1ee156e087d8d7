using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Corruption;
using EtcdNet.Server.Membership;
using EtcdNet.Server.Tests.Membership;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Records;
using Google.Protobuf;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Corruption;

/// <summary>Members 1 (which checks) to n, each with a state of its own, to which the same is done unless a test does otherwise.</summary>
internal sealed class CorruptionWorld : IProposer
{
    private readonly FakeConnections _connections = new();
    private readonly Dictionary<ulong, StateMachine.StateMachine> _machines = [];
    private readonly Dictionary<ulong, MemoryBackend> _backends = [];
    private readonly Dictionary<ulong, ulong> _indices = [];

    public CorruptionWorld(int members)
    {
        for (ulong id = 1; id <= (ulong)members; id++)
        {
            _backends[id] = new MemoryBackend();
            _machines[id] = new StateMachine.StateMachine(_backends[id], minLeaseTtl: 2);
            _machines[id].Members.Restore(Enumerable.Range(1, members).Select(static number => new StateMachine.Cluster.Member { Id = (ulong)number }), []);
        }

        Reads.Current = Reads.Current with { CommitIndex = 0 };
        _connections.Hashes = AnswerAsync;
        Check = new CorruptionCheck(_machines[1], new OwnHash(_machines[1], Logger.None), 1, Reads, Reads, this, () => _connections, TimeProvider.System, Logger.None);
    }

    public CorruptionCheck Check { get; }

    public FakeConsensus Reads { get; } = new();

    /// <summary>Whom the alarm CORRUPT was raised for.</summary>
    public List<ulong> Alarms { get; } = [];

    /// <summary>Members that do not answer.</summary>
    public HashSet<ulong> Silent { get; } = [];

    /// <summary>How often others were asked.</summary>
    public int Asked { get; private set; }

    public IEnumerable<ulong> All => _machines.Keys;

    public void Put(string key, string value, params IEnumerable<ulong> members) =>
        Apply(new InternalRaftRequest { Put = new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = ByteString.CopyFromUtf8(value) } }, members);

    /// <summary>Takes a record away.</summary>
    public void Damage(ulong member, long revision) => _backends[member].Release(new Revision(revision, 0));

    /// <summary>Compacts and keeps the hash, as the running member does.</summary>
    public void Compact(long revision, params IEnumerable<ulong> members)
    {
        Apply(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } }, members);
        foreach (ulong member in members)
        {
            using (ScheduledCompaction? scheduled = _machines[member].Store.TakeScheduled())
                scheduled!.Hash(CancellationToken.None);
            while (_machines[member].Compactor.Step(100))
            {
            }
        }
    }

    public ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation)
    {
        Assert.Equal((AlarmType.Corrupt, AlarmRequest.Types.AlarmAction.Activate), (request.Alarm.Alarm, request.Alarm.Action));
        Alarms.Add(request.Alarm.MemberID);
        Apply(request, All);
        return new(new AlarmResponse());
    }

    private void Apply(InternalRaftRequest request, IEnumerable<ulong> members)
    {
        foreach (ulong member in members)
            Assert.Null(_machines[member].Apply(_indices[member] = _indices.GetValueOrDefault(member) + 1, 1, request).Error);
    }

    private async ValueTask<MemberHash?> AnswerAsync(ulong member, long revision)
    {
        Asked++;
        if (Silent.Contains(member))
            return null;
        try
        {
            var questions = new MemberQuestions(7, null!, null!, _machines[member], new OwnHash(_machines[member], Logger.None));
            HashKVResponse hash = await questions.HashKvAsync(revision, CancellationToken.None);
            return new MemberHash(hash.Hash, hash.CompactRevision, hash.Header.Revision);
        }
        catch (EtcdException)
        {
            return null;
        }
    }
}
