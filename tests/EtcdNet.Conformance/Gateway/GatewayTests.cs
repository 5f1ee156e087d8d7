using System.Net;
using System.Text;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Gateway;

/// <summary>What EtcdNet's gateway does beyond etcd's, its limits, and its switch.</summary>
public sealed class GatewayTests
{
    [Fact]
    public async Task Put_is_taken_as_well_as_post()
    {
        await using var server = await StartOursAsync();
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        using var put = await http.PutAsync("/v3/kv/put", new StringContent("{\"key\":\"YQ==\",\"value\":\"Yg==\"}", Encoding.UTF8, "application/json"));
        Assert.Equal(HttpStatusCode.OK, put.StatusCode);
        using var range = await http.PutAsync("/v3/kv/range", new StringContent("{\"key\":\"YQ==\"}"));
        Assert.Contains("\"value\":\"Yg==\"", await range.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Too_large_is_told_and_the_largest_is_taken()
    {
        await using var server = await StartOursAsync();
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(http, 1_500_000)).Status);
        Assert.Equal(
            (HttpStatusCode.BadRequest, "{\"code\":3,\"message\":\"etcdserver: request is too large\"}"), await PutAsync(http, 1_600_000));
        Assert.Equal(
            (HttpStatusCode.TooManyRequests, "{\"code\":8,\"message\":\"grpc: received message larger than max (2500008 vs. 2097152)\"}"),
            await PutAsync(http, 2_500_000));
        Assert.Equal(
            (HttpStatusCode.TooManyRequests, "{\"code\":8,\"message\":\"gateway: JSON value larger than max (4194304 bytes)\"}"),
            await PutAsync(http, 3_160_000));
        using var nested = await http.PostAsync("/v3/kv/txn", new StringContent(
            string.Concat(Enumerable.Repeat("{\"success\":[{\"request_txn\":", 2_000)) + "{}" + string.Concat(Enumerable.Repeat("}]}", 2_000))));
        Assert.Equal(HttpStatusCode.BadRequest, nested.StatusCode);
        Assert.Equal("{\"code\":3,\"message\":\"proto: exceeded max recursion depth\"}", await nested.Content.ReadAsStringAsync());
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(http, 1)).Status);
    }

    [Fact]
    public async Task A_deadline_is_kept()
    {
        await using var server = await StartOursAsync();
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        using var late = new HttpRequestMessage(HttpMethod.Post, "/v3/kv/range") { Content = new StringContent("{\"key\":\"YQ==\"}") };
        late.Headers.Add("Grpc-Timeout", "0n");
        using var answer = await http.SendAsync(late);
        Assert.Equal(HttpStatusCode.GatewayTimeout, answer.StatusCode);
        using var malformed = new HttpRequestMessage(HttpMethod.Post, "/v3/kv/range") { Content = new StringContent("{\"key\":\"YQ==\"}") };
        malformed.Headers.Add("Grpc-Timeout", "soon");
        using var refusal = await http.SendAsync(malformed);
        Assert.Equal("{\"code\":3,\"message\":\"invalid grpc-timeout: soon\"}", await refusal.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Http_has_a_port_of_its_own_when_it_is_asked_for()
    {
        var port = FreePorts.Take(1)[0];
        await using var server = await StartOursAsync("--listen-client-http-urls", $"http://127.0.0.1:{port}");
        using var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        Assert.Equal(HttpStatusCode.OK, (await PutAsync(http, 1)).Status);
        Assert.Equal("ok\n", await http.GetStringAsync("/readyz"));
        using var grpc = new Testing.Clients.EtcdClient(server.ClientUrl);
        Assert.Single((await grpc.RangeAsync("a")).Answer.Kvs);
        using var other = new HttpClient { BaseAddress = server.ClientUrl };
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => other.GetStringAsync("/readyz"));
    }

    [Fact]
    public async Task The_gateway_can_be_switched_off()
    {
        await using var server = await StartOursAsync("--enable-grpc-gateway=false");
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        Assert.Equal((HttpStatusCode.NotFound, "404 page not found\n"), await PutAsync(http, 1));
    }

    private static Task<ServerProcess> StartOursAsync(params string[] arguments) =>
        ServerProcess.StartAsync(ServerTarget.EtcdNet, extraArguments: arguments);

    private static async Task<(HttpStatusCode Status, string Body)> PutAsync(HttpClient http, int valueBytes)
    {
        var value = Convert.ToBase64String(new byte[valueBytes]);
        using var response = await http.PostAsync("/v3/kv/put", new StringContent($"{{\"key\":\"YQ==\",\"value\":\"{value}\"}}"));
        var body = await response.Content.ReadAsStringAsync();
        return (response.StatusCode, response.StatusCode == HttpStatusCode.OK ? "" : body);
    }
}
