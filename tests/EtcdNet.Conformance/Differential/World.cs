using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The oracle and the tested server, fresh and side by side, and what both have been asked: every call goes to both at once, and their answers are compared
/// before the next one is sent. Not thread-safe.
/// </summary>
internal sealed class World : IAsyncDisposable
{
    private const int Remembered = 40;
    private static readonly Dictionary<string, string> _noHeaders = [];
    private static readonly TimeSpan _waitLimit = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan _answerLimit = TimeSpan.FromSeconds(60);
    private readonly Queue<string> _last = [];
    private readonly SortedDictionary<string, int> _outcomes = new(StringComparer.Ordinal);
    private ulong _named = Side.OwnMember;

    private World(Side left, Side right, int seed)
    {
        (Left, Right, Random) = (left, right, new Random(seed));
        Judge = new Judge(right.Server.Target.IsEtcdNet ? KnownDifferences.All : []);
    }

    /// <summary>The oracle.</summary>
    public Side Left { get; }

    /// <summary>The tested server.</summary>
    public Side Right { get; }

    /// <summary>The one source of chance.</summary>
    public Random Random { get; }

    /// <summary>Compares.</summary>
    public Judge Judge { get; }

    /// <summary>Revisions of the store.</summary>
    public StoreState Store { get; } = new();

    /// <summary>Whether an alarm is on.</summary>
    public bool Alarmed { get; set; }

    /// <summary>Requests that were compared.</summary>
    public int Requests { get; private set; }

    /// <summary>How often each RPC ended in which way.</summary>
    public IReadOnlyDictionary<string, int> Outcomes => _outcomes;

    /// <summary>Called after each request that has moved the revision.</summary>
    public Func<Task>? Moved { get; set; }

    /// <summary>Called before a compaction: whatever reads the past has to be done with it. False when it must not be made now.</summary>
    public Func<long, Task<bool>>? Compacting { get; set; }

    /// <summary>The header with the token of every request that names no headers; see <see cref="StandIns"/>.</summary>
    public IReadOnlyDictionary<string, string> UsualHeaders { get; set; } = _noHeaders;

    /// <summary>The name of the id that the servers have chosen last.</summary>
    public long LastNamed => (long)_named;

    /// <summary>The name of the token that was given last.</summary>
    public string LastToken => $"token-{_named}";

    /// <summary>What both were asked last, for the report of a difference.</summary>
    public string Last => $"{string.Join("\n", _last)}\nThe logs:\n{Tail(Left)}\n{Tail(Right)}";

    /// <summary>Starts both.</summary>
    public static async Task<World> StartAsync(ServerTarget tested, int seed, int clients, params string[] flags)
    {
        Side left = await Side.StartAsync(ServerTarget.Oracle, clients, flags);
        try
        {
            return new World(left, await Side.StartAsync(tested, clients, flags), seed);
        }
        catch
        {
            await left.DisposeAsync();
            throw;
        }
    }

    /// <summary>A unary call to both, and how it ended, which is the same for both.</summary>
    public async Task<Outcome> CallAsync(int client, string rpc, IMessage request, IReadOnlyDictionary<string, string>? headers = null)
    {
        if (LeavesOut(request))
            return new Outcome(default, "left out", null);
        if (request is CompactionRequest compaction && Compacting is not null && !await Compacting(compaction.Revision))
            return new Outcome(default, "left out", null);
        using CallPair call = Begin(client, rpc, request, headers);
        Outcome outcome = await EndAsync(call);
        if (request is CompactionRequest { Revision: var compacted } && outcome.Answer is not null)
            Store.Compacted = compacted;
        return outcome;
    }

    /// <summary>
    /// Whether the stores would not be the same any more: 3.5.30 overlooks the puts of inner transactions when there is no space left (mended in 3.6.14).
    /// And one whose inner ones only read is a write to etcd, which CORRUPT forbids, and a read to EtcdNet.
    /// </summary>
    public bool LeavesOut(IMessage request) => Alarmed && request is TxnRequest txn && (HasInnerPut(txn, inner: false) || OnlyReadsInside(txn));

    /// <summary>Starts a call that may have to wait.</summary>
    public CallPair Begin(int client, string rpc, IMessage request, IReadOnlyDictionary<string, string>? headers = null)
    {
        Remember($"client {client} {rpc} {Shown(request)}{(headers is null ? "" : " " + string.Join(", ", headers))}");
        headers ??= UsualHeaders;
        return new CallPair(rpc, request, headers, cancellation => [Start(Left, cancellation), Start(Right, cancellation)]);

        Task<GrpcReply<byte[]>> Start(Side side, CancellationToken cancellation) => rpc == Rpcs.RangeStream && side.Server.Target.IsEtcdNet
            ? side.RangeInPiecesAsync(client, (RangeRequest)request, headers)
            : side.Client(client).Grpc.CallBytesAsync(
            Rpcs.OraclePathOf(rpc), GrpcFrames.Encode(side.StandIns.Outgoing(request)), HeadersOf(side, headers), _waitLimit, cancellation);
    }

    /// <summary>Headers as one server has to get them.</summary>
    public static Dictionary<string, string> HeadersOf(Side side, IReadOnlyDictionary<string, string> headers) =>
        headers.ToDictionary(static header => header.Key, header => side.StandIns.TokenOf(header.Value));

    /// <summary>A call with a stream: the first message that comes, or the end of the call.</summary>
    public async Task<Outcome> FirstOfStreamAsync(int client, string rpc, IMessage request, IReadOnlyDictionary<string, string> headers)
    {
        Remember($"client {client} {rpc} {Shown(request)} {string.Join(", ", headers)}");
        var replies = await Task.WhenAll(Left.FirstAsync(client, rpc, request, headers), Right.FirstAsync(client, rpc, request, headers));
        Outcome expected = Normal.Of(rpc, request, replies[0], Left.StandIns);
        Outcome answered = Normal.Of(rpc, request, replies[1], Right.StandIns);
        Compare(new Exchange(rpc, request, headers, expected, answered));
        return answered;
    }

    /// <summary>A call waits for its turn: nobody may have answered it, but EtcdNet one whose place in the line is lost.</summary>
    public void ThrowIfAnswered(CallPair call, bool isLost)
    {
        if (call.Replies[0].IsCompleted || (call.Replies[1].IsCompleted && !(isLost && Right.Server.Target.IsEtcdNet)))
            throw new InvalidOperationException($"{call.Rpc} {Shown(call.Request)} was answered before its turn (etcd, tested: {States(call)})");
    }

    /// <summary>Waits for both answers of a call, which have to come now, and compares.</summary>
    public async Task<Outcome> EndAsync(CallPair call, bool isLost = false)
    {
        GrpcReply<byte[]>[] replies;
        try
        {
            replies = await Task.WhenAll(call.Replies).WaitAsync(_answerLimit);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"{call.Rpc} was not answered by both within {_answerLimit.TotalSeconds} s (etcd, tested: {States(call)}): {Shown(call.Request)}");
        }

        bool refusesAlone = replies[0].Status == GrpcStatus.PermissionDenied && replies[1].Status != GrpcStatus.PermissionDenied;
        bool knowsOtherUser = call.Rpc == "Authenticate" && replies[0].Status != replies[1].Status;
        if (refusesAlone || knowsOtherUser)
            replies[0] = await AskOracleAgainAsync(call, replies[0]);
        Learn(call.Request, call.Rpc, replies);
        Outcome expected = Normal.Of(call.Rpc, call.Request, replies[0], Left.StandIns);
        Outcome answered = Normal.Of(call.Rpc, call.Request, replies[1], Right.StandIns);
        Compare(new Exchange(call.Rpc, call.Request, call.Headers, expected, answered, isLost));
        if (answered.Answer is not null && Normal.HeaderOf(answered.Answer) is { } header)
            await MoveAsync(header.Revision);
        return answered;
    }

    /// <summary>
    /// etcd 3.5 sometimes judges by the user, its roles or its password as they were a moment ago, until it commits its store. A refusal changes nothing, nor does a
    /// token that nobody uses, so it can be asked again.
    /// </summary>
    private async Task<GrpcReply<byte[]>> AskOracleAgainAsync(CallPair call, GrpcReply<byte[]> reply)
    {
        GrpcStatus first = reply.Status;
        for (long started = Environment.TickCount64; reply.Status == first && Environment.TickCount64 - started < 1000;)
        {
            reply = await Left.Client(0).Grpc.CallBytesAsync(
                Rpcs.OraclePathOf(call.Rpc), GrpcFrames.Encode(Left.StandIns.Outgoing(call.Request)), HeadersOf(Left, call.Headers), _waitLimit);
        }

        if (reply.Status != first)
            OracleWasStale++;
        return reply;
    }

    /// <summary>How often the oracle had to be asked again.</summary>
    public int OracleWasStale { get; private set; }

    /// <summary>Compares what both have answered, however they were asked.</summary>
    public void Compare(Exchange exchange)
    {
        Requests++;
        Outcome expected = exchange.Expected;
        string outcome = $"{exchange.Rpc} {(expected.Answer is null ? $"{(int)expected.Status} {expected.Message}" : "OK")}";
        _outcomes[outcome] = _outcomes.GetValueOrDefault(outcome) + 1;
        if (Judge.DifferenceOf(exchange) is { } difference)
            throw new InvalidOperationException($"{exchange.Rpc} {Shown(exchange.Request)} {string.Join(", ", exchange.Headers)}{difference}");
    }

    /// <summary>Counts an answer of a stream or of the gateway that was compared.</summary>
    public void Count(string outcome)
    {
        Requests++;
        _outcomes[outcome] = _outcomes.GetValueOrDefault(outcome) + 1;
    }

    /// <summary>Notes for the report of a difference what was done beside calls.</summary>
    public void Remember(string what)
    {
        if (_last.Count == Remembered)
            _last.Dequeue();
        _last.Enqueue(what);
    }

    /// <summary>An answer has told a revision; when it is a new one, everybody who waits for a change may have got it.</summary>
    public async Task MoveAsync(long revision)
    {
        if (revision <= Store.Revision)
            return;
        Store.Revision = revision;
        if (Moved is not null)
            await Moved();
    }

    /// <summary>The keys under a prefix, oldest first.</summary>
    public async Task<List<KeyValue>> UnderAsync(int client, string prefix)
    {
        ByteString first = ByteString.CopyFromUtf8(prefix);
        byte[] end = first.ToByteArray();
        end[^1]++;
        var request = new RangeRequest { Key = first, RangeEnd = ByteString.CopyFrom(end) };
        Outcome outcome = await CallAsync(client, Requests % 8 == 0 ? Rpcs.RangeStream : "Range", request);
        var answer = outcome.Answer as RangeResponse ?? throw new InvalidOperationException($"both cannot be read any more: {outcome}");
        return [.. answer.Kvs.OrderBy(static kv => kv.CreateRevision)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Left.DisposeAsync();
        await Right.DisposeAsync();
    }

    /// <summary>A message as text, cut when it is long.</summary>
    public static string Shown(IMessage request)
    {
        string text = ReadableJson.Format(request);
        return text.Length <= 1000 ? text : $"{text[..1000]}… ({text.Length} characters)";
    }

    private static string States(CallPair call) => string.Join(", ", call.Replies.Select(static reply => reply.Status));

    private static bool HasInnerPut(TxnRequest txn, bool inner) => txn.Success.Concat(txn.Failure).Any(operation =>
        (inner && operation.RequestPut is not null) || (operation.RequestTxn is { } nested && HasInnerPut(nested, inner: true)));

    private static bool OnlyReadsInside(TxnRequest txn)
    {
        RequestOp[] all = [.. txn.Success, .. txn.Failure];
        return all.Any(static operation => operation.RequestTxn is not null) && all.All(OnlyReads);

        static bool OnlyReads(RequestOp operation) =>
            operation.RequestRange is not null || (operation.RequestTxn is { } inner && inner.Success.Concat(inner.Failure).All(OnlyReads));
    }

    private static string Tail(Side side) => string.Join('\n', side.Server.Log.Split('\n').TakeLast(8).Select(static line => line.Length < 600 ? line : line[..600]));

    // Ids that each server has chosen itself.
    private void Learn(IMessage request, string rpc, GrpcReply<byte[]>[] replies)
    {
        if (replies.Any(static reply => reply.Value is null))
            return;
        if (request is AuthenticateRequest)
        {
            _named++;
            Left.StandIns.AddToken(LastToken, AuthenticateResponse.Parser.ParseFrom(replies[0].Value).Token);
            Right.StandIns.AddToken(LastToken, AuthenticateResponse.Parser.ParseFrom(replies[1].Value).Token);
        }

        ulong[]? chosen = request switch
        {
            LeaseGrantRequest { ID: 0 } => [.. replies.Select(static reply => (ulong)LeaseGrantResponse.Parser.ParseFrom(reply.Value).ID)],
            LockRequest { Lease: 0 } => [.. replies.Select(static reply => LeaseOf(LockResponse.Parser.ParseFrom(reply.Value).Key))],
            CampaignRequest { Lease: 0 } => [.. replies.Select(static reply => (ulong)CampaignResponse.Parser.ParseFrom(reply.Value).Leader.Lease)],
            MemberAddRequest => [.. replies.Select(static reply => MemberAddResponse.Parser.ParseFrom(reply.Value).Member.ID)],
            _ => null,
        };
        if (chosen is null)
            return;
        Assert.All(chosen, id => Assert.True(id != 0, $"{rpc} chose no id"));
        _named++;
        Left.StandIns.Add(_named, chosen[0]);
        Right.StandIns.Add(_named, chosen[1]);
    }

    private static ulong LeaseOf(ByteString lockKey) => Convert.ToUInt64(lockKey.ToStringUtf8().Split('/')[^1], 16);
}
