using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Consensus;

/// <summary>Whose answer an entry is.</summary>
public sealed class PendingProposalsTests
{
    [Fact]
    public void An_entry_with_the_same_id_and_other_bytes_is_somebody_elses()
    {
        var pending = new PendingProposals();
        byte[] mine = Request(7, "mine");
        byte[] foreign = Request(7, "foreign");
        pending.Add(7, null, mine, deadline: 100);

        Assert.Null(pending.Remove(7, foreign));
        Assert.True(pending.Contains(7));
        Assert.Null(pending.Remove(8, mine));
        Assert.NotNull(pending.Remove(7, mine.ToArray()));
        Assert.Null(pending.Remove(7, mine));
    }

    private static byte[] Request(ulong id, string key) => new InternalRaftRequest
    {
        Header = new RequestHeader { ID = id }, Put = new PutRequest { Key = ByteString.CopyFromUtf8(key) },
    }.ToByteArray();
}
