using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Authentication;

/// <summary>What users and tokens mean outside of gRPC: health, the JSON gateway, restarts, files. Requests themselves are Scripts/auth.txt.</summary>
public sealed class AuthenticationTests : IDisposable
{
    private const string Password = "correct-horse-battery";
    private readonly TempDirectory _directory = new();
    private readonly HttpClient _http = new();

    public void Dispose()
    {
        _http.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public async Task A_member_is_healthy_while_it_asks_for_users()
    {
        await using var server = await StartAsync();
        foreach (var path in (string[])["/health", "/health?serializable=true", "/livez", "/readyz", "/metrics", "/version"])
        {
            using var response = await _http.GetAsync(new Uri(server.ClientUrl, path));
            Assert.True(response.StatusCode == HttpStatusCode.OK, $"{path}: {await response.Content.ReadAsStringAsync()}");
        }
    }

    [Fact]
    public async Task The_gateway_takes_the_token_of_the_authorization_header()
    {
        await using var server = await StartAsync();
        var token = await TokenAsync(server);
        Assert.Equal((HttpStatusCode.OK, ""), await PutAsync(server, token));
        Assert.Equal((HttpStatusCode.BadRequest, "etcdserver: user name is empty"), await PutAsync(server, null));
        Assert.Equal((HttpStatusCode.Unauthorized, "etcdserver: invalid auth token"), await PutAsync(server, token + "1"));
        // The scheme may be named from 3.6.12 on.
        if (server.Target.AtLeast(3, 6))
            Assert.Equal((HttpStatusCode.OK, ""), await PutAsync(server, "Bearer " + token));
    }

    [Fact]
    public async Task Users_survive_kill_9_and_passwords_are_nowhere_to_be_read()
    {
        await using var server = await StartAsync();
        var before = await TokenAsync(server);
        await server.KillAsync();
        await server.StartAsync();
        Assert.Equal(HttpStatusCode.BadRequest, (await PutAsync(server, null)).Status);
        Assert.Equal((HttpStatusCode.OK, ""), await PutAsync(server, await TokenAsync(server)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await PutAsync(server, before)).Status);
        await server.TerminateAsync();
        Assert.DoesNotContain(Password, server.Log, StringComparison.Ordinal);
        foreach (var file in Directory.GetFiles(server.DataDirectory, "*", SearchOption.AllDirectories))
            Assert.True((await File.ReadAllBytesAsync(file)).AsSpan().IndexOf(Encoding.ASCII.GetBytes(Password)) < 0, file);
    }

    [Fact]
    public async Task Web_tokens_outlive_restarts_but_no_change_of_permissions()
    {
        using var rsa = RSA.Create(2048);
        var key = Path.Combine(_directory.Path, "key.pem");
        await File.WriteAllTextAsync(key, rsa.ExportRSAPrivateKeyPem());
        await using var server = await StartAsync("--auth-token", $"jwt,sign-method=RS256,priv-key={key},ttl=10m");
        var token = await TokenAsync(server);
        Assert.Equal(3, token.Split('.').Length);
        Assert.Equal((HttpStatusCode.OK, ""), await PutAsync(server, token));
        await server.KillAsync();
        await server.StartAsync();
        Assert.Equal((HttpStatusCode.OK, ""), await PutAsync(server, token));
        await PostAsync(server, "auth/role/add", """{"name":"new"}""", token);
        Assert.Equal((HttpStatusCode.BadRequest, "etcdserver: revision of auth store is old"), await RangeAsync(server, token));
        Assert.Equal((HttpStatusCode.OK, ""), await RangeAsync(server, await TokenAsync(server)));
    }

    /// <summary>A server with root, and authentication on.</summary>
    private async Task<ServerProcess> StartAsync(params string[] arguments)
    {
        var server = await ServerProcess.StartAsync(null, null, [.. arguments, "--bcrypt-cost", "4"]);
        await PostAsync(server, "auth/user/add", $$"""{"name":"root","password":"{{Password}}"}""", null);
        await PostAsync(server, "auth/role/add", """{"name":"root"}""", null);
        await PostAsync(server, "auth/user/grant", """{"user":"root","role":"root"}""", null);
        await PostAsync(server, "auth/enable", "{}", null);
        return server;
    }

    private async Task<string> TokenAsync(ServerProcess server)
    {
        var answer = await PostAsync(server, "auth/authenticate", $$"""{"name":"root","password":"{{Password}}"}""", null);
        return answer.GetProperty("token").GetString()!;
    }

    private async Task<JsonElement> PostAsync(ServerProcess server, string path, string json, string? token)
    {
        using var response = await SendAsync(server, path, json, token);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.IsSuccessStatusCode, $"{path}: {body}");
        return JsonDocument.Parse(body).RootElement;
    }

    private Task<(HttpStatusCode Status, string Error)> PutAsync(ServerProcess server, string? token) => TryAsync(server, "kv/put", """{"key":"YQ==","value":"YQ=="}""", token);

    private Task<(HttpStatusCode Status, string Error)> RangeAsync(ServerProcess server, string? token) => TryAsync(server, "kv/range", """{"key":"YQ=="}""", token);

    private async Task<(HttpStatusCode Status, string Error)> TryAsync(ServerProcess server, string path, string json, string? token)
    {
        using var response = await SendAsync(server, path, json, token);
        var answer = JsonDocument.Parse(await response.Content.ReadAsStringAsync()).RootElement;
        return (response.StatusCode, answer.TryGetProperty("message", out var message) ? message.GetString()! : "");
    }

    private async Task<HttpResponseMessage> SendAsync(ServerProcess server, string path, string json, string? token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(server.ClientUrl, $"/v3/{path}")) { Content = new StringContent(json) };
        if (token is not null)
            request.Headers.TryAddWithoutValidation("Authorization", token);
        return await _http.SendAsync(request);
    }
}
