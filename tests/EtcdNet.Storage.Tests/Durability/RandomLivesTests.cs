using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Records;
using EtcdNet.Testing;
using Google.Protobuf;
using Xunit.Abstractions;

namespace EtcdNet.Storage.Tests.Durability;

/// <summary>
/// Everything that changes what is stored, in random order, with clean stops and power cuts in between: puts, deletes,
/// transactions, leases, compactions and slices of them, slices of collection, checkpoints, releases of the log. After each start all versions that may be
/// asked for are compared with a list of all versions, and the hash with that of a machine in memory that never stopped.
/// </summary>
public sealed class RandomLivesTests(ITestOutputHelper output)
{
    private const int Lives = 16;
    private readonly SimDisk _disk = new();
    private readonly VersionList _model = new();
    private readonly StateMachine.StateMachine _witness = new(new MemoryBackend(), minLeaseTtl: 2);
    private readonly List<InternalRaftRequest> _inFlight = [];
    private ulong _acknowledged;
    private Random _random = null!;
    private long _nextLease = 1;

    [Fact]
    public void Random_lives_lose_nothing_and_bring_nothing_back()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        _random = new Random(seed);
        long collected = 0;
        int crashes = 0;
        int fromCheckpoint = 0;
        for (int life = 0; life < Lives; life++)
        {
            Life member = Start();
            fromCheckpoint += member.Store.Recovered is null ? 0 : 1;
            bool crash = _random.Next(3) > 0;
            crashes += crash ? 1 : 0;
            if (crash && _random.Next(2) == 0)
                PlantPowerCut(_random.Next(20, 1500));
            Live(member, _random.Next(100, 700));
            collected += member.CollectedBytes;
            if (crash)
                CutPower(member);
            else
                member.Dispose();
        }

        using (Start())
            output.WriteLine($"{_acknowledged} entries, revision {_model.Revision}, {crashes} power cuts, {fromCheckpoint} starts from a checkpoint, {collected >> 20} MiB collected");
        // How much depends on how soon FASTER flushes beside the writer; 35 to 80 MiB were seen.
        Assert.True(collected > 16L << 20, $"{collected} bytes were collected");
        Assert.True(fromCheckpoint > Lives / 4);
    }

    private Life Start()
    {
        var member = new Life(_disk);
        Assert.Empty(member.Store.Problems);
        // What was being written when the power went may be there or not, from its beginning on.
        Assert.InRange(member.LastIndex, _acknowledged, _acknowledged + (ulong)_inFlight.Count);
        foreach (InternalRaftRequest request in _inFlight.Take((int)(member.LastIndex - _acknowledged)))
            Apply(request);
        _inFlight.Clear();
        AssertSame(member);
        return member;
    }

    private void Live(Life member, int steps)
    {
        try
        {
            for (int i = 0; i < steps; i++)
                Step(member);
            member.FinishCheckpoint();
        }
        catch (DiskFailedException)
        {
            // The planted power cut.
        }
    }

    private void Step(Life member)
    {
        switch (_random.Next(100))
        {
            case < 68:
                Write(member);
                break;
            case < 76:
                member.Machine.Compactor.Step(_random.Next(1, 10));
                break;
            case < 93:
                if (!member.Machine.Compactor.IsRunning)
                    member.Collect(_random.Next(1, 3 << 20));
                break;
            case < 98:
                member.BeginCheckpoint();
                break;
            case 98:
                member.FinishCheckpoint();
                break;
            default:
                AssertSame(member);
                break;
        }
    }

    private void Write(Life member)
    {
        for (int i = _random.Next(1, 5); i > 0; i--)
        {
            InternalRaftRequest request = NewRequest();
            _inFlight.Add(request);
            if (request.Put is null && request.DeleteRange is null)
                break; // the next request may depend on what this one does
        }

        member.Write([.. _inFlight]);
        foreach (InternalRaftRequest request in _inFlight)
            Apply(request);
        _inFlight.Clear();
    }

    private void Apply(InternalRaftRequest request)
    {
        _model.Apply(request);
        _acknowledged++;
        Assert.Null(_witness.Apply(_acknowledged, 1, request.Clone()).Error);
    }

    private InternalRaftRequest NewRequest() => _random.Next(100) switch
    {
        < 62 => new InternalRaftRequest { Put = NewPut() },
        < 74 => new InternalRaftRequest { DeleteRange = NewDelete() },
        < 86 => new InternalRaftRequest { Txn = NewTxn() },
        < 90 => new InternalRaftRequest { LeaseGrant = new LeaseGrantRequest { ID = _nextLease++, TTL = 100 } },
        < 93 when _inFlight.Count == 0 && AnyLease() is > 0 and var lease => new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest { ID = lease } },
        _ when _inFlight.Count == 0 && _model.Revision > _model.Compacted + 1 => new InternalRaftRequest { Compaction = new CompactionRequest { Revision = NewCompaction() } },
        _ => new InternalRaftRequest { Put = NewPut() },
    };

    private long NewCompaction() =>
        _random.Next(3) == 0 ? _model.Revision : _random.NextInt64(_model.Compacted + 1, _model.Revision + 1);

    private PutRequest NewPut()
    {
        byte[] value = new byte[_random.Next(200) switch
        {
            0 => _random.Next(1 << 20, 3 << 20),
            < 16 => _random.Next(150_000),
            < 120 => _random.Next(30_000),
            _ => _random.Next(300),
        }];
        _random.NextBytes(value);
        return new PutRequest { Key = Key(_random.Next(60)), Value = UnsafeByteOperations.UnsafeWrap(value), Lease = _random.Next(4) == 0 ? AnyLease() : 0 };
    }

    private DeleteRangeRequest NewDelete()
    {
        int first = _random.Next(60);
        var delete = new DeleteRangeRequest { Key = Key(first) };
        if (_random.Next(4) == 0)
            delete.RangeEnd = Key(first + _random.Next(1, 12));
        return delete;
    }

    private TxnRequest NewTxn()
    {
        var txn = new TxnRequest();
        txn.Compare.Add(new Compare
        {
            Key = Key(_random.Next(60)), Target = Compare.Types.CompareTarget.Version, Result = Compare.Types.CompareResult.Equal, Version = _random.Next(3),
        });
        // Keys must differ within a branch.
        foreach (int key in Enumerable.Range(0, _random.Next(1, 4)))
        {
            txn.Success.Add(new RequestOp { RequestPut = NewPut().With(Key(key * 20 + _random.Next(20))) });
            txn.Failure.Add(new RequestOp { RequestDeleteRange = new DeleteRangeRequest { Key = Key(key * 20 + _random.Next(20)) } });
        }

        return txn;
    }

    private static ByteString Key(int number) => ByteString.CopyFromUtf8($"key{number:d2}");

    private long AnyLease() => _model.Leases.Count == 0 ? 0 : _model.Leases.ElementAt(_random.Next(_model.Leases.Count));

    private void PlantPowerCut(int changes)
    {
        long at = _disk.Changes + changes;
        _disk.BeforeChange = (operation, path) =>
        {
            if (_disk.Changes >= at)
                throw new DiskFailedException(operation, path, "power cut (planted)");
        };
    }

    private void CutPower(Life member)
    {
        _disk.BeforeChange = static (operation, path) => throw new DiskFailedException(operation, path, "power cut");
        try
        {
            member.Dispose();
        }
        catch (DiskFailedException)
        {
            // Nothing can be closed in good order any more.
        }

        _disk.Crash(_random);
    }

    private void AssertSame(Life member)
    {
        Assert.Equal(_model.Revision, member.Machine.Store.CurrentRevision);
        Assert.Equal(_model.Dump(_model.Revision), member.Dump(0));
        for (int i = 0; i < 3 && _model.Compacted < _model.Revision; i++)
        {
            long revision = _random.NextInt64(Math.Max(1, _model.Compacted), _model.Revision + 1);
            Assert.Equal(_model.Dump(revision), member.Dump(revision));
            Assert.Equal(_witness.HashKv(revision), member.Machine.HashKv(revision));
        }

        Assert.Equal(_model.History(), member.History());
        Assert.Equal(_witness.Hash(), member.Machine.Hash());
        if (!member.Machine.Compactor.IsRunning)
            Assert.Equal(member.CountBytesInUse(), member.Store.Backend.SizeInUseInBytes);
    }
}

internal static class PutExtensions
{
    internal static PutRequest With(this PutRequest put, ByteString key)
    {
        put.Key = key;
        return put;
    }
}
