using System.Net.Http.Headers;
using System.Text;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>One of the two servers, with clients that have connections of their own.</summary>
internal sealed class Side : IAsyncDisposable
{
    /// <summary>The name of the server's only member; see <see cref="StandIns"/>.</summary>
    public const ulong OwnMember = 0x5A5A_0000_0000_0001;

    /// <summary>The name of the server's URL for other members.</summary>
    public const string PeerUrl = "http://own-peer-url.example:1";

    private readonly EtcdClient[] _clients;
    private readonly HttpClient _http;

    private Side(ServerProcess server, int clients)
    {
        Server = server;
        _clients = [.. Enumerable.Range(0, clients).Select(_ => new EtcdClient(server.ClientUrl))];
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = server.ClientUrl };
        StandIns.Add(PeerUrl, server.PeerUrl);
        StandIns.Add("http://own-client-url.example:1", $"http://{server.Endpoint}");
    }

    /// <summary>The process.</summary>
    public ServerProcess Server { get; }

    /// <summary>What the server chose itself.</summary>
    public StandIns StandIns { get; } = new();

    /// <summary>Starts a server. It is about answers, not about crashes: it is spared the syncs.</summary>
    public static async Task<Side> StartAsync(ServerTarget target, int clients, params string[] flags)
    {
        ServerProcess server = await ServerProcess.StartAsync(target, null, ["--unsafe-no-fsync", .. flags]);
        var side = new Side(server, clients);
        side.StandIns.Add(OwnMember, (await side.Client(0).StatusAsync()).Answer.Header.MemberId);
        return side;
    }

    /// <summary>A client, from 0.</summary>
    public EtcdClient Client(int number) => _clients[number];

    /// <summary>The first message of a stream, or the status of a stream that has ended before it.</summary>
    public async Task<GrpcReply<byte[]>> FirstAsync(int client, string rpc, IMessage request, IReadOnlyDictionary<string, string> headers)
    {
        using GrpcByteStream stream = Client(client).Grpc.OpenBytes(Rpcs.PathOf(rpc), World.HeadersOf(this, headers));
        stream.Send(GrpcFrames.Encode(StandIns.Outgoing(request)));
        if (!Rpcs.TakesMany(rpc))
            stream.CompleteRequests();
        byte[]? first = await stream.ReadAsync(TimeSpan.FromSeconds(60));
        return first is null ? new GrpcReply<byte[]>(stream.End!.Value.Status, stream.End.Value.Message, null) : new GrpcReply<byte[]>(GrpcStatus.OK, "", first);
    }

    /// <summary>
    /// KV/RangeStream, with the pieces put together to the answer of a Range. Of all pieces only the last one says whose they are, how many there are and
    /// whether there are more.
    /// </summary>
    public async Task<GrpcReply<byte[]>> RangeInPiecesAsync(int client, RangeRequest request, IReadOnlyDictionary<string, string> headers)
    {
        using GrpcByteStream stream = Client(client).Grpc.OpenBytes(Rpcs.PathOf(Rpcs.RangeStream), World.HeadersOf(this, headers));
        stream.Send(GrpcFrames.Encode(StandIns.Outgoing(request)));
        stream.CompleteRequests();
        var whole = new RangeResponse();
        while (await stream.ReadAsync(TimeSpan.FromSeconds(60)) is { } piece)
        {
            if (whole.Header is not null)
                throw new InvalidOperationException($"RangeStream {World.Shown(request)}: a piece came behind the last one");
            RangeResponse part = RangeStreamResponse.Parser.ParseFrom(piece).RangeResponse;
            if (part.Header is null && (part.Kvs.Count == 0 || part.Count != 0 || part.More))
                throw new InvalidOperationException($"RangeStream {World.Shown(request)}: an odd piece {World.Shown(part)}");
            whole.MergeFrom(part);
            Pieces++;
        }

        var (status, message) = stream.End!.Value;
        if ((status == GrpcStatus.OK) != (whole.Header is not null))
            throw new InvalidOperationException($"RangeStream {World.Shown(request)} ended with {status} {message} and {World.Shown(whole)}");
        return new GrpcReply<byte[]>(status, message, status == GrpcStatus.OK ? whole.ToByteArray() : null);
    }

    /// <summary>Pieces of ranges that came.</summary>
    public int Pieces { get; private set; }

    /// <summary>A client of the JSON gateway: status and body of the answer.</summary>
    public async Task<(int Status, string Body)> PostAsync(string path, string json, IReadOnlyDictionary<string, string> headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(json, Encoding.UTF8) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        foreach ((string name, string value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        using HttpResponseMessage response = await _http.SendAsync(request);
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (EtcdClient client in _clients)
            client.Dispose();
        _http.Dispose();
        await Server.DisposeAsync();
    }
}
