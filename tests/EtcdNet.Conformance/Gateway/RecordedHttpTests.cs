using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Gateway;

/// <summary>
/// Everything that curl asked a real etcd 3.6.14 on both ports, in order, and what it answered: status, headers and body. What differs on purpose is
/// listed; whatever depends on the machine, the moment or the form of the store is not compared.
/// </summary>
public sealed class RecordedHttpTests(ITestOutputHelper output)
{
    private static readonly HashSet<string> _notCompared =
        ["cluster_id", "member_id", "raft_term", "leader", "ID", "id", "dbSize", "dbSizeInUse", "raftIndex", "raftTerm", "raftAppliedIndex", "hash", "name", "peerURLs", "clientURLs", "Now"];

    private static readonly HashSet<string> _headersNotCompared = new(
        ["Date", "Content-Length", "Transfer-Encoding", "X-Etcd-Cluster-Id", "X-Server-Version", "Connection", "Keep-Alive"], StringComparer.OrdinalIgnoreCase);

    /// <summary>By the first words of the request: what EtcdNet does otherwise, and why.</summary>
    private static readonly Dictionary<string, (string Why, bool IsAsked)> _otherwise = new()
    {
        ["-X PUT -H Content-Type: application/json"] = ("PUT is taken like POST, as the first users of the gateway write it", false),
        ["http://127.0.0.1:2379/config/local/log"] = ("the level of the log can be set at run time, as in 3.4; 3.6 has no such path", true),
        ["-X POST -d {\"name\":\"bG9jaw==\"} http://127.0.0.1:2379/v3/lock/lock"] = ("the key has the lease in it that the server chose", true),
    };

    [Fact]
    public async Task Curl_gets_what_etcd_answered()
    {
        await using var server = await ServerProcess.StartAsync();
        using var http = new HttpClient();
        var met = new HashSet<string>();
        var differences = new List<string>();
        var recorded = Recorded().ToList();
        foreach (var (command, answer) in recorded)
        {
            if (_otherwise.Keys.FirstOrDefault(command.StartsWith) is { } known && server.Target.IsEtcdNet)
            {
                met.Add(known);
                if (_otherwise[known].IsAsked)
                    (await http.SendAsync(Request(command, server))).Dispose();
                continue;
            }

            using var request = Request(command, server);
            using var response = await http.SendAsync(request);
            var found = await DescribeAsync(response);
            var expected = Describe(answer);
            if (found != expected)
                differences.Add($"curl {command}\n  recorded: {expected}\n  answered: {found}");
        }

        output.WriteLine($"{recorded.Count} requests");
        Assert.True(differences.Count == 0, string.Join("\n", differences));
        Assert.True(recorded.Count >= 60, $"only {recorded.Count} requests were recorded");
        Assert.True(met.Count == _otherwise.Count || !server.Target.IsEtcdNet, "a listed difference was not met");
    }

    private static IEnumerable<(string Command, string Answer)> Recorded()
    {
        var text = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Golden", "http-3.6.14.txt"));
        foreach (var block in ("\n" + text).Split("\n$ curl ", StringSplitOptions.RemoveEmptyEntries))
        {
            var end = block.IndexOf('\n', StringComparison.Ordinal);
            yield return (block[..end], block[(end + 1)..].TrimEnd('\n'));
        }
    }

    /// <summary>curl's words: -X METHOD, -H HEADER, -d BODY, and the URL as the last one. A body has no blank in it.</summary>
    private static HttpRequestMessage Request(string command, ServerProcess server)
    {
        var url = command[(command.LastIndexOf(' ') + 1)..];
        var target = url.Replace("http://127.0.0.1:2379", server.ClientUrl.ToString().TrimEnd('/'), StringComparison.Ordinal)
            .Replace("http://127.0.0.1:2380", server.PeerUrl, StringComparison.Ordinal);
        var request = new HttpRequestMessage(HttpMethod.Get, target);
        var rest = command[..^url.Length].Trim();
        if (rest.Contains("-d ", StringComparison.Ordinal))
        {
            var body = rest[(rest.IndexOf("-d ", StringComparison.Ordinal) + 3)..];
            request.Content = new StringContent(body);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse("application/x-www-form-urlencoded");
            request.Method = HttpMethod.Post;
            rest = rest[..rest.IndexOf("-d ", StringComparison.Ordinal)].Trim();
        }

        var words = rest.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (var i = 0; i < words.Length; i++)
        {
            if (words[i] == "-X")
                request.Method = new HttpMethod(words[++i]);
            else if (words[i] == "-H" && words[i + 1] == "Host:")
                request.Headers.Host = words[i += 2];
            else if (words[i] == "-H" && words[i + 1] == "Origin:")
                request.Headers.Add("Origin", words[i += 2]);
        }

        return request;
    }

    private static async Task<string> DescribeAsync(HttpResponseMessage response)
    {
        var headers = response.Headers.Concat(response.Content.Headers).Select(static header => (header.Key, string.Join(", ", header.Value)));
        return Describe((int)response.StatusCode, headers, await response.Content.ReadAsStringAsync());
    }

    private static string Describe(string recorded)
    {
        var head = recorded.Split("\n\n", 2);
        var lines = head[0].Split('\n');
        var headers = lines.Skip(1).Select(static line => line.Split(": ", 2)).Select(static pair => (pair[0], pair[1]));
        return Describe(int.Parse(lines[0].Split(' ')[1], CultureInfo.InvariantCulture), headers, head.Length > 1 ? head[1] : "");
    }

    private static string Describe(int status, IEnumerable<(string Name, string Value)> headers, string body)
    {
        var compared = headers.Where(static header => !_headersNotCompared.Contains(header.Name)).OrderBy(static header => header.Name, StringComparer.OrdinalIgnoreCase)
            .Select(static header => $"{header.Name.ToLowerInvariant()}: {header.Value}");
        return $"{status} [{string.Join("; ", compared)}] {Body(body.Trim('\n'))}";
    }

    private static string Body(string body)
    {
        try
        {
            // protojson writes one of two kinds of blanks, so that nobody relies on its texts.
            return Masked(JsonNode.Parse(body.Replace('\u00a0', ' ')))?.ToJsonString() ?? "null";
        }
        catch (JsonException)
        {
            // The order of the checks is not stable, in etcd neither.
            var lines = body.Split('\n');
            return string.Join('|', lines.Order(StringComparer.Ordinal));
        }
    }

    private static JsonNode? Masked(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject found:
                var masked = new JsonObject();
                foreach (var (name, value) in found.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
                {
                    // EtcdNet names itself besides the release whose API it speaks.
                    if (name != "etcdnet")
                        masked[name] = _notCompared.Contains(name) ? "#" : Masked(value);
                }

                return masked;
            case JsonArray list:
                return new JsonArray([.. list.Select(Masked)]);
            default:
                return node?.DeepClone();
        }
    }
}
