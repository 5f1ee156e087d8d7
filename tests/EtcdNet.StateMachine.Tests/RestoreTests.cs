using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>A checkpoint gives back the same state, or says that it cannot.</summary>
public sealed class RestoreTests
{
    [Fact]
    public void Everything_comes_back()
    {
        Machine machine = Filled();
        machine.Apply(new InternalRaftRequest { Alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = 3, Alarm = AlarmType.Nospace } });
        machine.Apply(new InternalRaftRequest
        {
            LeaseCheckpoint = new LeaseCheckpointRequest { Checkpoints = { new LeaseCheckpoint { ID = 7, RemainingTTL = 33 } } },
        });
        StateImage image = machine.State.Capture();
        machine.Backend.ScanOrder = new Random(5);
        var again = new Machine(machine.Backend, image);
        Assert.Equal(machine.State.Hash(), again.State.Hash());
        Assert.Equal(machine.Range("\0", "\0"), again.Range("\0", "\0"));
        Assert.Equal((3, 33L), (again.State.Leases.KeysOf(7).Length, again.State.Leases.Snapshot()[0].RemainingTtl));
        Assert.Equal((image.AppliedIndex, image.AppliedTerm), (again.State.AppliedIndex, again.State.ConsistentTerm));
        StateImage second = again.State.Capture();
        Assert.Equal(image with { SmallState = default }, second with { SmallState = default });
        Assert.Equal(image.SmallState.ToArray(), second.SmallState.ToArray());
        Assert.True(again.State.Alarms.HasNoSpace);
    }

    [Fact]
    public void An_unfinished_compaction_is_finished_after_the_restart()
    {
        Machine machine = Filled();
        Assert.Null(machine.Compact(machine.Store.CurrentRevision, physically: false));
        Assert.True(machine.State.Compactor.Step(2));
        StateImage image = machine.State.Capture();
        var again = new Machine(machine.Backend, image);
        Assert.True(again.State.Compactor.HasWork);
        while (machine.State.Compactor.Step(5) | again.State.Compactor.Step(1))
        {
        }
        Assert.Equal(machine.State.Hash(), again.State.Hash());
        machine.Backend.Purge();
        StateImage done = again.State.Capture();
        Assert.Equal((machine.Backend.Count, machine.Store.CurrentRevision), (done.RecordCount, done.FinishedCompactRevision));
        Assert.Equal(done.RecordCrcSum, machine.State.Capture().RecordCrcSum);
    }

    [Fact]
    public void The_index_knows_which_records_a_snapshot_needs()
    {
        Machine machine = Filled();
        Assert.False(machine.State.Compactor.IsRunning);
        long count = 0;
        ulong sum = 0;
        machine.Backend.Scan((revision, info, bytes) =>
        {
            if (!machine.Store.Contains(Protocol.Mvccpb.KeyValue.Parser.ParseFrom(bytes).Key.Span, revision))
                return;
            count++;
            sum += info.Crc;
        });
        StateImage image = machine.State.Capture();
        Assert.Equal((image.RecordCount, image.RecordCrcSum), (count, sum));
        Assert.InRange(count, 1, machine.Backend.Count - 1);
    }

    [Fact]
    public void A_first_compaction_at_zero_is_remembered()
    {
        var machine = new Machine();
        Assert.Null(machine.Compact(0));
        var again = new Machine(machine.Backend, machine.State.Capture());
        Assert.NotNull(again.Compact(0));
        Assert.Equal(machine.State.Hash(), again.State.Hash());
    }

    [Theory]
    [InlineData("missing")]
    [InlineData("changed")]
    [InlineData("extra")]
    [InlineData("newer")]
    [InlineData("lease")]
    public void Damage_is_found(string kind)
    {
        Machine machine = Filled();
        StateImage image = machine.State.Capture();
        switch (kind)
        {
            case "missing":
                machine.Backend.Remove(new Revision(250, 0));
                break;
            case "changed":
                machine.Backend.Change(new Revision(250, 0), bytes => [.. bytes[..^1], 0]);
                break;
            case "extra":
                machine.Backend.Put(new Revision(250, 9), true, new Protocol.Mvccpb.KeyValue { Key = Machine.Bytes("zzz") }.ToBytes());
                break;
            case "newer":
                machine.Put("later");
                break;
            default:
                image = image with { SmallState = new Machine().State.Capture().SmallState };
                break;
        }
        Assert.Throws<StateDamagedException>(() => new Machine(machine.Backend, image));
    }

    private static Machine Filled()
    {
        var machine = new Machine();
        machine.Grant(7);
        for (int i = 0; i < 300; i++)
        {
            machine.Put($"key/{i * 7 % 50:d3}", $"{i}", lease: i >= 297 ? 7 : 0);
            if (i % 9 == 0)
                machine.Delete($"key/{i % 50:d3}");
            if (i == 200)
                Assert.Null(machine.Compact(150));
        }
        return machine;
    }
}

internal static class MessageExtensions
{
    public static byte[] ToBytes(this Google.Protobuf.IMessage message) => Google.Protobuf.MessageExtensions.ToByteArray(message);
}
