using BenchmarkDotNet.Attributes;
using EtcdNet.Raft;

namespace EtcdNet.Benchmarks.Raft;

/// <summary>
/// Pure speed of the core: a leader and two followers in one thread, storage and network in memory, entries of 300 bytes in batches
/// of 64, from the proposal until all three have applied the batch. Payloads exist beforehand, so allocation is what Raft adds.
/// </summary>
[MemoryDiagnoser]
public class ReplicationBenchmark
{
    private const int BatchSize = 64;
    private const int Batches = 1_000;
    private const int PayloadBytes = 300;

    private readonly ReadOnlyMemory<byte>[] _batch = [.. Enumerable.Range(0, BatchSize).Select(_ => (ReadOnlyMemory<byte>)new byte[PayloadBytes])];
    private readonly Queue<Message> _network = new();
    private BenchMember[] _members = [];

    /// <summary>Elects member 1.</summary>
    [GlobalSetup]
    public void Elect()
    {
        var configuration = new ConfState { Voters = [1, 2, 3] };
        _members = [new BenchMember(1, configuration), new BenchMember(2, configuration), new BenchMember(3, configuration)];
        _members[0].Raft.Campaign();
        Settle();
        if (_members[0].Raft.Role != RaftRole.Leader)
            throw new InvalidOperationException("member 1 was not elected");
    }

    /// <summary>One operation is one entry.</summary>
    [Benchmark(OperationsPerInvoke = Batches * BatchSize)]
    public ulong ThreeMembers()
    {
        var leader = _members[0].Raft;
        for (var i = 0; i < Batches; i++)
        {
            if (leader.Propose(_batch) != ProposeResult.Accepted)
                throw new InvalidOperationException("proposal was dropped");
            Settle();
            if (_members.Any(m => m.Raft.AppliedIndex != leader.LastIndex))
                throw new InvalidOperationException("an entry was not applied everywhere");
        }

        return leader.CommitIndex;
    }

    private void Settle()
    {
        do
        {
            foreach (var member in _members)
                member.Work(_network);
            while (_network.TryDequeue(out var message))
                _members[message.To - 1].Raft.Step(message);
        }
        while (Array.Exists(_members, m => m.Raft.HasReady));
    }
}
