using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Consensus;

public sealed class EntryHeaderTests
{
    [Theory]
    [InlineData(1UL)]
    [InlineData(0x8000_0000_0000_0001UL)]
    [InlineData(ulong.MaxValue)]
    public void The_id_is_found_behind_the_request(ulong id)
    {
        var request = new InternalRaftRequest
        {
            Put = new PutRequest { Key = ByteString.CopyFromUtf8("k"), Value = ByteString.CopyFrom(new byte[3000]) },
            Header = new RequestHeader { Username = "somebody", AuthRevision = 7, ID = id },
        };
        Assert.Equal(id, EntryHeader.RequestId(request.ToByteArray()));
    }

    [Fact]
    public void A_request_without_header_has_no_id()
    {
        var request = new InternalRaftRequest { ID = 5, Compaction = new CompactionRequest { Revision = 3 } };
        Assert.Equal(0UL, EntryHeader.RequestId(request.ToByteArray()));
    }

    [Theory]
    [InlineData("22")]
    [InlineData("2205")]
    [InlineData("a2068001")]
    [InlineData("ffffffffffffffffffff")]
    [InlineData("07")]
    public void Bytes_that_are_no_request_are_refused(string hex) =>
        Assert.Throws<InvalidDataException>(() => EntryHeader.RequestId(Convert.FromHexString(hex)));
}
