using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using EtcdNet.Conformance.Gateway;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>
/// Runs the commands of a session against one server, and gives what they print without what differs from server to server: ids and
/// addresses become the names that the session knows them by, terms, Raft indexes, sizes and times become <c>#</c>, and the columns
/// of tables lose their width.
/// </summary>
internal sealed partial class SessionSide(ServerProcess server, string program, HttpClient http)
{
    private readonly List<(string Value, string Name)> _names = [];
    private readonly Dictionary<string, string> _variables = [];

    /// <summary>Learns the ids of the server.</summary>
    public async Task BeginAsync()
    {
        var member = JsonDocument.Parse((await RunAsync(["member", "list", "-w", "json"], null)).Output).RootElement.GetProperty("header");
        Name("ENDPOINT", server.Endpoint);
        Name("PEER", server.PeerUrl);
        NameId("MEMBER", member.GetProperty("member_id").GetUInt64());
        NameId("CLUSTER", member.GetProperty("cluster_id").GetUInt64());
    }

    /// <summary>Runs one line; gives exit code, output and errors in the normal form.</summary>
    public async Task<(int ExitCode, string Printed)> RunAsync(SessionLine line)
    {
        var words = line.Words.Select(Fill).ToList();
        var result = line.IsHttp ? await PostAsync(words) : await RunAsync(words, line.Input);
        if (line.Kept is { } name)
            NameId(name, ulong.Parse(HexNumber().Match(result.Output).Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
        return (result.ExitCode, Normal(result, line));
    }

    private Task<CommandResult> RunAsync(IReadOnlyList<string> words, string? input) =>
        Command.RunAsync(program, ["--endpoints", server.Endpoint, .. words], input, EtcdCtlPrograms.Environment);

    private async Task<CommandResult> PostAsync(List<string> words)
    {
        using var body = new StringContent(string.Join(' ', words.Skip(3)));
        using var response = await http.PostAsync(new Uri(server.ClientUrl, words[2]), body);
        return new CommandResult(response.IsSuccessStatusCode ? 0 : 1, RecordedCase.Compact(await response.Content.ReadAsStringAsync()) + "\n", "");
    }

    private void Name(string name, string value)
    {
        _names.Add((value, $"${name}"));
        _variables.TryAdd($"${name}", value);
    }

    private void NameId(string name, ulong id)
    {
        Name(name, id.ToString("x", CultureInfo.InvariantCulture));
        _names.Add((id.ToString("x16", CultureInfo.InvariantCulture), $"${name}"));
        // The gateway and -w json write it so; a session reads it as $NAME10.
        Name(name + "10", id.ToString(CultureInfo.InvariantCulture));
    }

    private string Fill(string word) =>
        _variables.OrderByDescending(static v => v.Key.Length).Aggregate(word, static (text, v) => text.Replace(v.Key, v.Value, StringComparison.Ordinal));

    private string Normal(CommandResult result, SessionLine line)
    {
        var text = new StringBuilder(result.Output);
        // What the client logs about its connections is no answer.
        foreach (var error in result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(static e => !e.StartsWith("{\"level\"", StringComparison.Ordinal)))
            text.Append(error).Append('\n');
        var normal = _names.OrderByDescending(static n => n.Value.Length)
            .Aggregate(text.ToString(), static (t, n) => t.Replace(n.Value, n.Name, StringComparison.Ordinal))
            .Replace($"\"{server.Target.Version}\"", "\"$VERSION\"", StringComparison.Ordinal).Replace($" {server.Target.Version}", " $VERSION", StringComparison.Ordinal);
        normal = JsonNumber().Replace(normal, "\"$1\":#");
        normal = FieldNumber().Replace(normal, "\"$1$2\" : #");
        normal = Duration().Replace(normal, "#");
        normal = Remaining().Replace(normal, "remaining(#s)");
        normal = TableBlank().Replace(TableLine().Replace(normal, "$1-"), " ");
        return line.Command switch
        {
            ["endpoint", "status", ..] when !normal.Contains('{') => StatusNumber().Replace(normal, "$1#"),
            ["member", ..] => Sorted(normal),
            _ => normal,
        };
    }

    /// <summary>Members are listed in the order of their ids, which are random.</summary>
    private static string Sorted(string text)
    {
        const string Initial = "ETCD_INITIAL_CLUSTER=\"";
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(static l => l.StartsWith(Initial, StringComparison.Ordinal) ? Initial + string.Join(',', l[Initial.Length..^1].Split(',').Order()) : l);
        return string.Concat(lines.Order(StringComparer.Ordinal).Select(static l => l + "\n"));
    }

    [GeneratedRegex("[0-9a-f]{12,16}")]
    private static partial Regex HexNumber();

    [GeneratedRegex("\"(raft_term|raftIndex|raftAppliedIndex|raftTerm|dbSize|dbSizeInUse)\":\"?\\d+\"?")]
    private static partial Regex JsonNumber();

    [GeneratedRegex("\"(RaftTerm|RaftIndex|RaftAppliedIndex|DBSize|DBSizeInUse)\" : \\d+|\"(ID)\" : \\d{15,}")]
    private static partial Regex FieldNumber();

    [GeneratedRegex(@"\d+(\.\d+)?(ns|µs|ms)|\d+\.\d+s")]
    private static partial Regex Duration();

    [GeneratedRegex(@"remaining\(\d+s\)")]
    private static partial Regex Remaining();

    [GeneratedRegex("([+┌├└┬┼┴])[-─]+")]
    private static partial Regex TableLine();

    [GeneratedRegex(" {2,}")]
    private static partial Regex TableBlank();

    /// <summary>Sizes, terms and indexes where they stand without a name.</summary>
    [GeneratedRegex(@"([ |])\d+(\.\d+)?( [kM]?B)?(?=[ ,\n])")]
    private static partial Regex StatusNumber();
}
