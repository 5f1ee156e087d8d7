using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>The comparison can fail: whatever part of an answer is spoilt is reported, and a known difference that is not there as well.</summary>
public sealed class JudgeTests
{
    private static readonly Dictionary<string, string> _noHeaders = [];

    /// <summary>Ways to spoil the answer of a range.</summary>
    public static TheoryData<string> Faults => ["revision", "count", "more", "key", "value", "lease", "version", "order", "missing pair"];

    [Theory]
    [MemberData(nameof(Faults))]
    public void A_spoilt_answer_is_reported(string fault)
    {
        RangeResponse spoilt = Pairs();
        switch (fault)
        {
            case "revision": spoilt.Header.Revision++; break;
            case "count": spoilt.Count--; break;
            case "more": spoilt.More = true; break;
            case "key": spoilt.Kvs[0].Key = ByteString.CopyFromUtf8("A"); break;
            case "value": spoilt.Kvs[1].Value = ByteString.CopyFromUtf8("x"); break;
            case "lease": spoilt.Kvs[0].Lease = 7; break;
            case "version": spoilt.Kvs[1].Version++; break;
            case "order": spoilt.Kvs.Add(spoilt.Kvs[0]); spoilt.Kvs.RemoveAt(0); break;
            case "missing pair": spoilt.Kvs.RemoveAt(1); break;
        }

        var range = new RangeRequest { Key = ByteString.CopyFromUtf8("a"), RangeEnd = ByteString.CopyFromUtf8("c") };
        Assert.Null(Difference("Range", range, Reply(Pairs()), Reply(Pairs())));
        Assert.NotNull(Difference("Range", range, Reply(Pairs()), Reply(spoilt)));
    }

    [Fact]
    public void Another_status_another_text_and_an_answer_for_a_refusal_are_reported()
    {
        var put = new PutRequest();
        var refused = new GrpcReply<byte[]>(GrpcStatus.InvalidArgument, "etcdserver: key is not provided", null);
        Assert.Null(Difference("Put", put, refused, refused with { }));
        Assert.NotNull(Difference("Put", put, refused, refused with { Status = GrpcStatus.Unknown }));
        Assert.NotNull(Difference("Put", put, refused, refused with { Message = "etcdserver: key is not provided." }));
        Assert.NotNull(Difference("Put", put, refused, Reply(new PutResponse { Header = new ResponseHeader { Revision = 2 } })));
    }

    [Fact]
    public void Ids_and_terms_of_the_header_may_differ_and_nothing_else()
    {
        var put = new PutRequest();
        PutResponse Answer(ulong id, long revision) => new() { Header = new ResponseHeader { ClusterId = id, MemberId = id, RaftTerm = id, Revision = revision } };
        Assert.Null(Difference("Put", put, Reply(Answer(1, 5)), Reply(Answer(2, 5))));
        Assert.NotNull(Difference("Put", put, Reply(Answer(1, 5)), Reply(Answer(1, 6))));
    }

    [Fact]
    public void A_known_difference_has_to_be_there()
    {
        var hash = new HashKVRequest { Revision = 3 };
        HashKVResponse Answer(uint sum, long revision) => new() { Header = new ResponseHeader { Revision = 4 }, Hash = sum, HashRevision = revision };
        var judge = new Judge(KnownDifferences.All);
        Assert.Null(Difference("HashKV", hash, Reply(Answer(9, 0)), Reply(Answer(9, 3)), judge));
        Assert.Equal(1, judge.Met.Single(static one => one.Key.Name == "HashKV.hash_revision").Value);
        Assert.NotNull(Difference("HashKV", hash, Reply(Answer(9, 0)), Reply(Answer(9, 0)), judge));
        Assert.NotNull(Difference("HashKV", hash, Reply(Answer(9, 0)), Reply(Answer(8, 3)), judge));
    }

    private static RangeResponse Pairs() => new()
    {
        Header = new ResponseHeader { Revision = 9 },
        Count = 2,
        Kvs =
        {
            new KeyValue { Key = ByteString.CopyFromUtf8("a"), CreateRevision = 2, ModRevision = 2, Version = 1 },
            new KeyValue { Key = ByteString.CopyFromUtf8("b"), CreateRevision = 3, ModRevision = 4, Version = 2, Value = ByteString.CopyFromUtf8("y") },
        },
    };

    private static GrpcReply<byte[]> Reply(IMessage answer) => new(GrpcStatus.OK, "", answer.ToByteArray());

    private static string? Difference(string rpc, IMessage request, GrpcReply<byte[]> expected, GrpcReply<byte[]> answered, Judge? judge = null)
    {
        var names = new StandIns();
        var exchange = new Exchange(rpc, request, _noHeaders, Normal.Of(rpc, request, expected, names), Normal.Of(rpc, request, answered, names));
        return (judge ?? new Judge([])).DifferenceOf(exchange);
    }
}
