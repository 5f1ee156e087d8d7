using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Leasepb;
using EtcdNet.Server.Membership;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;
using Member = EtcdNet.StateMachine.Cluster.Member;

namespace EtcdNet.Peer.Transport;

/// <summary>Asks the leader for what only it can do: time of leases, promotion of learners (surface section 5.1).</summary>
/// <param name="transport">Knows where the members are.</param>
public sealed class LeaderClient(PeerTransport transport) : ILeaderLink
{
    private static readonly MediaTypeHeaderValue Protobuf = new("application/protobuf");

    /// <inheritdoc/>
    public async ValueTask<long> RenewAsync(ulong leader, long id, CancellationToken cancellation)
    {
        var (status, body) = await PostAsync(leader, "/leases", new LeaseKeepAliveRequest { ID = id }, cancellation).ConfigureAwait(false);
        return status == HttpStatusCode.NotFound ? 0 : Parse(LeaseKeepAliveResponse.Parser, status, body).TTL;
    }

    /// <inheritdoc/>
    public async ValueTask<LeaseTimeToLiveResponse?> TimeToLiveAsync(ulong leader, LeaseTimeToLiveRequest request, CancellationToken cancellation)
    {
        var question = new LeaseInternalRequest { LeaseTimeToLiveRequest = request };
        var (status, body) = await PostAsync(leader, "/leases/internal", question, cancellation).ConfigureAwait(false);
        return status == HttpStatusCode.NotFound ? null : Parse(LeaseInternalResponse.Parser, status, body).LeaseTimeToLiveResponse;
    }

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<Member>> PromoteAsync(ulong leader, ulong id, CancellationToken cancellation)
    {
        var path = string.Create(CultureInfo.InvariantCulture, $"/members/promote/{id}");
        var (status, body) = await PostAsync(leader, path, null, cancellation).ConfigureAwait(false);
        switch (status)
        {
            case HttpStatusCode.OK:
                return ReadMembers(body);
            case HttpStatusCode.NotFound:
                throw EtcdError.MemberNotFound.ToException();
            case HttpStatusCode.PreconditionFailed:
                // One status for both reasons; the text tells them apart.
                var notReady = body.AsSpan().IndexOf("in sync with leader"u8) >= 0;
                throw (notReady ? EtcdError.LearnerNotReady : EtcdError.MemberNotLearner).ToException();
            case HttpStatusCode.BadRequest when body.AsSpan().IndexOf("not enough started members"u8) >= 0:
                throw EtcdError.MemberNotEnoughStarted.ToException();
            default:
                throw Failure(status);
        }
    }

    private static IReadOnlyList<Member> ReadMembers(byte[] body)
    {
        try
        {
            using var json = JsonDocument.Parse(body);
            return [.. json.RootElement.EnumerateArray().Select(MemberJson.Read)];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            throw EtcdError.Timeout.ToException();
        }
    }

    private static T Parse<T>(MessageParser<T> parser, HttpStatusCode status, byte[] body)
        where T : class, IMessage<T>
    {
        if (status != HttpStatusCode.OK)
            throw Failure(status);
        try
        {
            return parser.ParseFrom(body);
        }
        catch (InvalidProtocolBufferException)
        {
            throw EtcdError.Timeout.ToException();
        }
    }

    /// <summary>408: it could not apply in time. Anything else: it leads no more.</summary>
    private static EtcdException Failure(HttpStatusCode status) =>
        (status == HttpStatusCode.RequestTimeout ? EtcdError.Timeout : EtcdError.NotLeader).ToException();

    private async Task<(HttpStatusCode Status, byte[] Body)> PostAsync(ulong leader, string path, IMessage? question, CancellationToken cancellation)
    {
        if (transport.FindMember(leader) is not { } peer)
            throw EtcdError.NotLeader.ToException();
        var link = peer.Link;
        using var watch = new StreamWatch(link.Options, cancellation);
        watch.Expect(link.Options.QuestionTimeout);
        using var request = link.Request(HttpMethod.Post, link.Urls.Current, path);
        request.Content = new ByteArrayContent(question?.ToByteArray() ?? []) { Headers = { ContentType = Protobuf } };
        try
        {
            using var answer = await link.Http.SendAsync(request, watch.Token).ConfigureAwait(false);
            return (answer.StatusCode, await answer.Content.ReadAsByteArrayAsync(watch.Token).ConfigureAwait(false));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw EtcdError.TimeoutDueToConnectionLost.ToException();
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw EtcdError.Timeout.ToException();
        }
    }
}
