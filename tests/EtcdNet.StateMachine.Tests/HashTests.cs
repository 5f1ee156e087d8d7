using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>HashKV gives the number of a real etcd.</summary>
public sealed class HashTests
{
    [Fact]
    public void Numbers_of_etcd_3_6()
    {
        var machine = new Machine();
        machine.Put("mykey", "myvalue");
        Assert.Equal(new KvHashResult(1920521150, 2, -1, 2), machine.State.HashKv(0));

        machine = new Machine();
        machine.Grant(77);
        machine.Put("a", "va", lease: 77);
        machine.Put("b", "vb", lease: 77);
        machine.Compact(0);
        Assert.Equal(new KvHashResult(3882696055, 2, 0, 3), machine.State.HashKv(2));
        Assert.Equal(EtcdError.FutureRev.Message, Assert.Throws<EtcdException>(() => machine.State.HashKv(4)).Message);
    }

    /// <summary>A history with deletes and compactions, recorded with the answers of a running etcd 3.4.23.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_recorded_history_hashes_alike(bool compactPhysically)
    {
        var machine = new Machine();
        int compared = 0;
        using var reader = new StreamReader(typeof(HashTests).Assembly.GetManifestResourceStream("hashkv.txt")!);
        while (reader.ReadLine() is { } line)
        {
            string[] words = line.Split(' ');
            switch (words[0])
            {
                case "put": machine.Put(words[1], words[2]); break;
                case "delete": machine.Delete(words[1], words.Length > 2 ? words[2] : ""); break;
                case "txn": machine.Txn(Op.Txn(then: [Op.Put(words[1], "t"), Op.Delete(words[2])])); break;
                case "compact": Assert.Null(machine.Compact(long.Parse(words[1]), compactPhysically)); break;
                case "hash":
                    KvHashResult hash = machine.State.HashKv(long.Parse(words[1]));
                    Assert.Equal((long.Parse(words[2]), uint.Parse(words[3])), (hash.CompactRevision, hash.Hash));
                    compared++;
                    break;
                default: Assert.Fail(line); break;
            }
        }
        Assert.Equal(84, compared);
    }

    [Fact]
    public void The_whole_state_hashes_alike_when_it_is_alike()
    {
        var one = new Machine();
        var other = new Machine();
        foreach (Machine machine in new[] { one, other })
        {
            machine.Grant(machine == one ? 1 : 2);
            machine.Grant(machine == one ? 2 : 1);
            machine.Put("a", "x", lease: 1);
        }
        Assert.Equal(one.State.Hash(), other.State.Hash());
        other.Apply(new InternalRaftRequest { Alarm = new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Activate, MemberID = 1, Alarm = AlarmType.Nospace } });
        Assert.NotEqual(one.State.Hash(), other.State.Hash());
    }
}
