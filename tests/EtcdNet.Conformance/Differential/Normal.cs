using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;
using Google.Protobuf.Collections;

namespace EtcdNet.Conformance.Differential;

/// <summary>Takes out of an answer what may differ between two right servers: ids, terms, clocks, sizes, and orders that are nobody's promise.</summary>
internal static class Normal
{
    /// <summary>How a call ended, without all that.</summary>
    public static Outcome Of(string rpc, IMessage request, GrpcReply<byte[]> reply, StandIns standIns)
    {
        if (reply.Value is null)
            return new Outcome(reply.Status, standIns.Incoming(WithoutClock(rpc, reply.Message)), null);
        IMessage answer = Rpcs.AnswerOf(rpc).Parser.ParseFrom(reply.Value);
        standIns.Incoming(answer);
        return Outcome.Of(Of(request, answer));
    }

    /// <summary>The header of an answer; null when it has none.</summary>
    public static ResponseHeader? HeaderOf(IMessage answer) => answer.Descriptor.FindFieldByName("header")?.Accessor.GetValue(answer) as ResponseHeader;

    /// <summary>Takes ids and term out of a header.</summary>
    public static void Clear(ResponseHeader? header)
    {
        if (header is not null)
            (header.ClusterId, header.MemberId, header.RaftTerm) = (0, 0, 0);
    }

    private static IMessage Of(IMessage request, IMessage answer)
    {
        Clear(HeaderOf(answer));
        switch (answer)
        {
            case RangeResponse range: SortTies((RangeRequest)request, range); break;
            case LeaseTimeToLiveResponse lease: TimeToLive(lease); break;
            case LeaseLeasesResponse leases: Sort(leases.Leases, static lease => $"{lease.ID:X16}"); break;
            case AlarmResponse alarms: Sort(alarms.Alarms, static alarm => $"{alarm.MemberID:X16} {alarm.Alarm}"); break;
            case StatusResponse status: Status(status); break;
            // A sum over the bytes of the data file.
            case HashResponse hash: hash.Hash = 0; break;
            case MemberAddResponse members: SortMembers(members.Members); break;
            case MemberRemoveResponse members: SortMembers(members.Members); break;
            case MemberUpdateResponse members: SortMembers(members.Members); break;
            case MemberListResponse members: SortMembers(members.Members); break;
            case AuthenticateResponse token: token.Token = token.Token.Length > 0 ? "given" : ""; break;
        }

        return answer;
    }

    // An id is made of the URLs and the second: who adds the same URLs again meets the id within that second, and the URLs later.
    private static string WithoutClock(string rpc, string message) =>
        rpc == "MemberAdd" && message == "etcdserver: member ID already exist" ? "etcdserver: Peer URLs already exists" : message;

    // Pairs that are equal in what they are sorted by come in any order.
    private static void SortTies(RangeRequest request, RangeResponse answer)
    {
        if (request.SortTarget != RangeRequest.Types.SortTarget.Key)
            Sort(answer.Kvs, static kv => kv.Key.ToBase64());
    }

    // Two clocks, and a set of keys that has no order.
    private static void TimeToLive(LeaseTimeToLiveResponse answer)
    {
        if (answer.GrantedTTL > 0)
        {
            Assert.InRange(answer.TTL, answer.GrantedTTL - 900, answer.GrantedTTL);
            answer.TTL = answer.GrantedTTL;
        }

        Sort(answer.Keys, static key => key.ToBase64());
    }

    // What is there has to be said; how much it is is the server's own affair.
    private static void Status(StatusResponse status)
    {
        (status.DbSize, status.DbSizeInUse) = (Math.Min(status.DbSize, 1), Math.Min(status.DbSizeInUse, 1));
        (status.RaftIndex, status.RaftAppliedIndex) = (Math.Min(status.RaftIndex, 1), Math.Min(status.RaftAppliedIndex, 1));
        status.RaftTerm = Math.Min(status.RaftTerm, 1);
        Sort(status.Errors, static error => error);
    }

    private static void SortMembers(RepeatedField<Member> members) => Sort(members, static member => $"{member.ID:X16}");

    private static void Sort<T>(RepeatedField<T> items, Func<T, string> order)
    {
        List<T> sorted = [.. items.OrderBy(order, StringComparer.Ordinal)];
        items.Clear();
        items.AddRange(sorted);
    }
}
