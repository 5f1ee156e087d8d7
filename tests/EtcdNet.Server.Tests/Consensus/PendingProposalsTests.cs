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

    [Fact]
    public async Task A_task_that_is_awaited_twice_or_too_early_does_not_end_the_wait_of_another()
    {
        var pending = new PendingProposals();
        PendingProposal first = pending.Add(7, null, Request(7, "a"), deadline: 100);
        ValueTask<IMessage> old = first.Task;
        Assert.Throws<InvalidOperationException>(() => first.GetResult(0));
        Assert.True(pending.Contains(7));
        pending.Remove(7)!.Complete(new PutResponse());
        Assert.IsType<PutResponse>(await old);

        PendingProposal second = pending.Add(8, null, Request(8, "b"), deadline: 100);
        Assert.Same(first, second);
        ValueTask<IMessage> current = second.Task;
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await old);
        Assert.Equal(8UL, second.Id);
        Assert.False(second.Data.IsEmpty);
        Assert.NotSame(second, pending.Add(9, null, Request(9, "c"), deadline: 100));
        pending.Remove(8)!.Complete(new RangeResponse());
        Assert.IsType<RangeResponse>(await current);
    }

    private static byte[] Request(ulong id, string key) => new InternalRaftRequest
    {
        Header = new RequestHeader { ID = id }, Put = new PutRequest { Key = ByteString.CopyFromUtf8(key) },
    }.ToByteArray();
}
