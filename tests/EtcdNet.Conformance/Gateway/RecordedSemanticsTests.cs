using System.Net;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using EtcdNet.Testing.Processes;
using Xunit.Abstractions;

namespace EtcdNet.Conformance.Gateway;

/// <summary>
/// What a real etcd 3.6.14 answered to 121 requests on a fresh member, in order: leases, ranges, transactions, compaction, watches, alarms, members,
/// users. The whole answer is compared, the order of its fields too. <c>ETCDNET_TEST_TARGET=etcd</c> proves the requests on a real etcd 3.5.
/// <para>
/// Answers are brought into the form of the recording: blanks between JSON tokens, which protojson puts or not as it was built, are left out; so are
/// cluster_id and member_id of the headers, which were not recorded; the member's id and ports and the learner's id, which is made of the time,
/// become the recorded ones, and members are sorted by them; the lines of /readyz are sorted, as etcd writes them in any order.
/// </para>
/// </summary>
public sealed partial class RecordedSemanticsTests(ITestOutputHelper output)
{
    private const string RecordedSelf = "13195394291058371180";
    private const string RecordedLearner = "946901189441101317";
    private const string RecordedClientUrl = "http://127.0.0.1:2379";
    private const string RecordedPeerUrl = "http://127.0.0.1:2380";

    /// <summary>A create request that is refused at once, so that its answer is the next line of a stream on which nothing else is told.</summary>
    private const string RefusedWatch = "{\"create_request\":{\"key\":\"Yg==\",\"range_end\":\"YQ==\"}}";
    private const string RefusedWatchReason = "\"cancel_reason\":\"mvcc: watcher range is empty\"";

    /// <summary>SHA-256 of the file that was recorded.</summary>
    private const string Fingerprint = "67d6147da5dabb6a8d40b4dbb504f185fae9b4ceb0061063ea622b6a1d136243";

    /// <summary>Every field whose value may be another one than the recorded, the form that it must have, and why.</summary>
    private static readonly Dictionary<string, (string Form, string Why)> _otherwise = new()
    {
        ["dbSize"] = ("^[1-9][0-9]*$", "etcd's is that of a bbolt file with pages of its own"),
        ["dbSizeInUse"] = ("^[1-9][0-9]*$", "as dbSize"),
        ["raftIndex"] = ("^[1-9][0-9]*$", "the end of a lease is an entry of the log whenever it comes; and EtcdNet refuses the removal of an unknown member and "
            + "a put or a status of authentication without a user before the log, not after it"),
        ["raftAppliedIndex"] = ("^[1-9][0-9]*$", "as raftIndex"),
        ["token"] = (@"^[a-zA-Z]{16}\.[1-9][0-9]*$", "drawn by lot; its number is a raftIndex"),
    };

    private static readonly JsonSerializerOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly HashSet<string> _met = [];
    private readonly Dictionary<string, string> _names = [];

    [Fact]
    public async Task Every_request_gets_what_etcd_answered()
    {
        var place = ServerPlace.OnLoopback("s1");
        await using var server = ServerProcess.Create(ServerTarget.UnderTest, place);
        await server.StartAsync();
        _names["$peer"] = place.PeerUrl;
        using var http = new HttpClient { BaseAddress = server.ClientUrl };
        var differences = new List<string>();
        var requests = RecordedSemantics.Read().Requests;
        foreach (var request in requests)
        {
            var (status, headers, body) = await AskAsync(http, request);
            if (!request.IsRecorded)
            {
                Assert.True(status == 200, $"line {request.Line}, {request.Description}: {request.Path} {request.Body} has to succeed; got {status} {body}");
                continue;
            }

            var recorded = server.Target.AtLeast(3, 6) ? request.Answer : request.OlderAnswer ?? request.Answer;
            var expected = Expected(recorded);
            var got = Got(recorded, status, headers, AsRecorded(body, server));
            if (got != expected)
                differences.Add($"line {request.Line}, {request.Description}: {request.Method} {request.Path} {Short(request.Body)}\n  recorded: {expected}\n  answered: {got}");
        }

        output.WriteLine($"{requests.Count(static request => request.IsRecorded)} requests, {differences.Count} differences");
        Assert.True(differences.Count == 0, string.Join('\n', differences));
        Assert.Equal(_otherwise.Keys.Order(), _met.Order());
    }

    [Fact]
    public void The_file_holds_the_whole_recording()
    {
        var file = RecordedSemantics.Read();
        Assert.Equal(Fingerprint, file.Fingerprint);
        Assert.Equal(114, file.Descriptions.Count);
        var asked = file.Requests.Where(static request => request.IsRecorded).ToList();
        Assert.Equal(121, asked.Count);
        Assert.Equal(file.Descriptions, asked.Select(static request => request.Description).Distinct());
        Assert.All(asked, static request => Assert.True(request.Answer.Length > 0 || request.Path == "/v3/watch", $"line {request.Line} has no answer"));
    }

    private async Task<(int Status, Dictionary<string, string> Headers, string Body)> AskAsync(HttpClient http, RecordedRequest request)
    {
        var isWatch = request.Path == "/v3/watch";
        var isSilent = isWatch && request.IsRecorded && request.Answer.Length == 0;
        using var message = new HttpRequestMessage(new HttpMethod(request.Method), request.Path);
        if (request.Method != "GET")
            message.Content = new StringContent(Named(request.Body) + (isSilent ? RefusedWatch : ""));
        if (request.Authorization is { } authorization)
            Assert.True(message.Headers.TryAddWithoutValidation("Authorization", Named(authorization)));
        using var response = await http.SendAsync(message, isWatch ? HttpCompletionOption.ResponseHeadersRead : HttpCompletionOption.ResponseContentRead);
        var headers = response.Headers.Concat(response.Content.Headers).ToDictionary(static header => header.Key, static header => string.Join(", ", header.Value));
        var body = isWatch ? await FirstLineAsync(response) : await response.Content.ReadAsStringAsync();
        if (isSilent && body.Contains(RefusedWatchReason, StringComparison.Ordinal))
            body = "";
        if ((int)response.StatusCode == 200)
            Learn(request, body);
        return ((int)response.StatusCode, headers, body.TrimEnd('\n'));
    }

    /// <summary>A watch goes on until the client leaves.</summary>
    private static async Task<string> FirstLineAsync(HttpResponseMessage response)
    {
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        return await reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60)) ?? "";
    }

    /// <summary>Keeps what later requests name.</summary>
    private void Learn(RecordedRequest request, string body)
    {
        if (MemberId().Match(body) is { Success: true } self)
            _names["$self"] = self.Groups[1].Value;
        if (request.Path == "/v3/cluster/member/add")
            _names["$learner"] = JsonNode.Parse(body)!["member"]!["ID"]!.GetValue<string>();
        if (request.Path == "/v3/auth/authenticate")
            _names[$"$token-{JsonNode.Parse(request.Body)!["name"]}"] = JsonNode.Parse(body)!["token"]!.GetValue<string>();
    }

    private string Named(string text)
    {
        foreach (var (name, value) in _names)
            text = text.Replace(name, value, StringComparison.Ordinal);
        return Zeros().Replace(text, static zeros => Convert.ToBase64String(new byte[int.Parse(zeros.Groups[1].Value)]));
    }

    private string AsRecorded(string body, ServerProcess server)
    {
        body = body.Replace($"\"{server.ClientUrl.ToString().TrimEnd('/')}\"", $"\"{RecordedClientUrl}\"", StringComparison.Ordinal)
            .Replace($"\"{server.PeerUrl}\"", $"\"{RecordedPeerUrl}\"", StringComparison.Ordinal);
        if (_names.TryGetValue("$self", out var self))
            body = body.Replace($"\"{self}\"", $"\"{RecordedSelf}\"", StringComparison.Ordinal);
        if (_names.TryGetValue("$learner", out var learner))
            body = body.Replace($"\"{learner}\"", $"\"{RecordedLearner}\"", StringComparison.Ordinal);
        return body;
    }

    /// <summary>A recorded answer: a body, before it the status line and some headers where the recording has them.</summary>
    private string Expected(string recorded)
    {
        var (status, headers, body) = Parts(recorded);
        return string.Join('\n', [.. status, .. headers.Select(static header => $"{header.Name}: {header.Value}"), Form(body)]);
    }

    /// <summary>An answer with those parts that the recorded one has.</summary>
    private string Got(string recorded, int status, Dictionary<string, string> headers, string body)
    {
        var (recordedStatus, recordedHeaders, _) = Parts(recorded);
        string[] first = recordedStatus.Length == 0 ? [] : [$"HTTP/1.1 {status} {(HttpStatusCode)status}"];
        var named = recordedHeaders.Select(header => $"{header.Name}: {headers.GetValueOrDefault(header.Name, "(none)")}");
        return string.Join('\n', [.. first, .. named, Form(body)]);
    }

    private static (string[] Status, (string Name, string Value)[] Headers, string Body) Parts(string recorded)
    {
        if (!recorded.StartsWith("HTTP/1.1 ", StringComparison.Ordinal))
            return ([], [], recorded);
        var lines = recorded.Split('\n');
        var headers = lines.Skip(1).Select(static line => Header().Match(line)).TakeWhile(static match => match.Success)
            .Select(static match => (match.Groups[1].Value, match.Groups[2].Value)).ToArray();
        var body = string.Join('\n', lines.Skip(1 + headers.Length)).TrimStart('\n');
        // The reason without its blanks is the name of the status in .NET.
        return ([$"HTTP/1.1 {lines[0].Split(' ')[1]} {lines[0].Split(' ', 3)[2].Replace(" ", "", StringComparison.Ordinal)}"], headers, body);
    }

    private string Form(string body)
    {
        if (!body.StartsWith('{'))
            return string.Join('\n', body.Split('\n').Order(StringComparer.Ordinal));
        var node = JsonNode.Parse(body.Replace('\u00a0', ' '))!;
        if ((node["result"] ?? node)["header"] is JsonObject header)
        {
            header.Remove("cluster_id");
            header.Remove("member_id");
        }

        if (node["members"] is JsonArray members)
            node["members"] = new JsonArray([.. members.OrderBy(static member => ulong.Parse(member!["ID"]!.GetValue<string>())).Select(static member => member!.DeepClone())]);
        foreach (var (name, (form, _)) in _otherwise)
        {
            if (node[name] is JsonValue value && Regex.IsMatch(value.ToString(), form))
            {
                node[name] = "#";
                _met.Add(name);
            }
        }

        return node.ToJsonString(_plain);
    }

    private static string Short(string body) => body.Length <= 300 ? body : string.Concat(body.AsSpan(0, 300), "…");

    [GeneratedRegex("\"member_id\": ?\"(\\d+)\"")]
    private static partial Regex MemberId();

    [GeneratedRegex(@"\$zeros-(\d+)")]
    private static partial Regex Zeros();

    [GeneratedRegex("^([A-Z][A-Za-z-]+): (.*)$")]
    private static partial Regex Header();
}
