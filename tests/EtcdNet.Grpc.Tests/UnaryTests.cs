using System.Net;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

public sealed class UnaryTests
{
    private static RangeRequest Key(string key) => new() { Key = ByteString.CopyFromUtf8(key) };

    [Fact]
    public async Task A_put_is_read_back()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = new GrpcClient(host.Url);
        var put = await client.UnaryAsync(
            EchoHost.Put, new PutRequest { Key = ByteString.CopyFromUtf8("a"), Value = ByteString.CopyFromUtf8("b") }, PutResponse.Parser);
        Assert.Equal((0, "", false), (put.Code, put.Text, put.TrailersOnly));
        var range = await client.UnaryAsync(EchoHost.Range, Key("a"), RangeResponse.Parser);
        Assert.Equal("b", range.Message!.Kvs.Single().Value.ToStringUtf8());
        Assert.Equal("application/grpc", range.Response.Content.Headers.ContentType!.ToString());
        Assert.False(range.Response.Headers.Contains("server"));
    }

    [Fact]
    public async Task Http_1_on_the_same_port_goes_to_the_fallback()
    {
        await using var host = await EchoHost.StartAsync();
        using var http = new HttpClient();
        using var answer = await http.PostAsync(new Uri(host.Url + "/v3/kv/range"), new StringContent("{}"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("HTTP/1.1 POST /v3/kv/range {}", await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task A_duplex_stream_answers_each_message_and_ends_at_half_close()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = new GrpcClient(host.Url);
        using var stream = await client.OpenAsync(EchoHost.Watch);
        for (int i = 0; i < 4; i++)
        {
            stream.Write(new WatchRequest { CreateRequest = new WatchCreateRequest { WatchId = i } });
            Assert.Equal(i, (await stream.ReadAsync(WatchResponse.Parser))!.WatchId);
        }

        stream.End();
        Assert.Null(await stream.ReadAsync(WatchResponse.Parser));
        Assert.Equal(0, stream.Status().Code);
    }
}
