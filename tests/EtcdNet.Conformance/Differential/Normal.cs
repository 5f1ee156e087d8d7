using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>Takes out of an answer what may differ between two right servers: ids, terms, clocks, and orders that are nobody's promise.</summary>
internal static class Normal
{
    /// <summary>The answer without all that; null when the call failed.</summary>
    public static IMessage? Answer(IMessage request, GrpcReply<byte[]> reply)
    {
        if (reply.Value is null)
            return null;
        IMessage answer = request switch
        {
            PutRequest => PutResponse.Parser.ParseFrom(reply.Value),
            RangeRequest range => Range(range, RangeResponse.Parser.ParseFrom(reply.Value)),
            DeleteRangeRequest => DeleteRangeResponse.Parser.ParseFrom(reply.Value),
            TxnRequest => TxnResponse.Parser.ParseFrom(reply.Value),
            CompactionRequest => CompactionResponse.Parser.ParseFrom(reply.Value),
            LeaseGrantRequest => LeaseGrantResponse.Parser.ParseFrom(reply.Value),
            LeaseRevokeRequest => LeaseRevokeResponse.Parser.ParseFrom(reply.Value),
            LeaseTimeToLiveRequest => TimeToLive(LeaseTimeToLiveResponse.Parser.ParseFrom(reply.Value)),
            LeaseLeasesRequest => Leases(LeaseLeasesResponse.Parser.ParseFrom(reply.Value)),
            HashKVRequest => Hash(HashKVResponse.Parser.ParseFrom(reply.Value)),
            _ => throw new ArgumentException($"no answer is known for {request.Descriptor.Name}"),
        };
        Clear(HeaderOf(answer));
        return answer;
    }

    /// <summary>A failed call as text, or an answer.</summary>
    public static string Text(GrpcReply<byte[]> reply, IMessage? answer) =>
        answer is null ? $"{(int)reply.Status} {reply.Message}" : ReadableJson.Format(answer);

    /// <summary>The header of an answer.</summary>
    public static ResponseHeader HeaderOf(IMessage answer) =>
        (ResponseHeader)answer.Descriptor.FindFieldByName("header").Accessor.GetValue(answer);

    /// <summary>Takes ids and term out of a header.</summary>
    public static void Clear(ResponseHeader header) => (header.ClusterId, header.MemberId, header.RaftTerm) = (0, 0, 0);

    // Pairs that are equal in what they are sorted by come in any order.
    private static RangeResponse Range(RangeRequest request, RangeResponse answer)
    {
        if (request.SortTarget == RangeRequest.Types.SortTarget.Key)
            return answer;
        List<KeyValue> sorted = [.. answer.Kvs.OrderBy(kv => kv.Key.ToBase64(), StringComparer.Ordinal)];
        answer.Kvs.Clear();
        answer.Kvs.AddRange(sorted);
        return answer;
    }

    // Two clocks, and a set of keys that has no order.
    private static LeaseTimeToLiveResponse TimeToLive(LeaseTimeToLiveResponse answer)
    {
        if (answer.GrantedTTL > 0)
        {
            Assert.InRange(answer.TTL, answer.GrantedTTL - 900, answer.GrantedTTL);
            answer.TTL = answer.GrantedTTL;
        }

        List<ByteString> sorted = [.. answer.Keys.OrderBy(k => k.ToBase64(), StringComparer.Ordinal)];
        answer.Keys.Clear();
        answer.Keys.AddRange(sorted);
        return answer;
    }

    private static LeaseLeasesResponse Leases(LeaseLeasesResponse answer)
    {
        List<LeaseStatus> sorted = [.. answer.Leases.OrderBy(l => l.ID)];
        answer.Leases.Clear();
        answer.Leases.AddRange(sorted);
        return answer;
    }

    // A field that only 3.6 has.
    private static HashKVResponse Hash(HashKVResponse answer)
    {
        answer.HashRevision = 0;
        return answer;
    }
}
