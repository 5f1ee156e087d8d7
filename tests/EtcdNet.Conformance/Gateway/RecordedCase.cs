using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace EtcdNet.Conformance.Gateway;

/// <summary>
/// One request of a file of recorded answers: <c>&gt; METHOD PATH BODY</c> and below it <c>&lt; STATUS TYPE [grpc] BODY</c>. <c>«6162»</c>
/// stands for bytes in hexadecimal, <c>⏎</c> for a line feed, <c>#</c> for numbers that differ from server to server, <c>grpc</c> for
/// the header that tells that a service has answered, <c>-</c> for no content type. The blanks between JSON tokens, which Go
/// writes or not as it was built, are left out.
/// </summary>
internal sealed partial record RecordedCase(int Line, string Method, string Path, byte[] Body, string Expected)
{
    public static List<RecordedCase> ReadAll(string file)
    {
        var cases = new List<RecordedCase>();
        string[] lines = File.ReadAllLines(file);
        for (var i = 0; i < lines.Length; i++)
        {
            if (!lines[i].StartsWith("> ", StringComparison.Ordinal))
                continue;
            var words = lines[i][2..].Split(' ', 3);
            cases.Add(new RecordedCase(i + 1, words[0], words[1], words.Length > 2 ? Bytes(words[2]) : [], lines[i + 1][2..]));
        }

        return cases;
    }

    /// <summary>An answer in the form of the file.</summary>
    public static async Task<string> NormalAsync(HttpResponseMessage response)
    {
        var type = response.Content.Headers.ContentType?.MediaType ?? "-";
        var text = await response.Content.ReadAsStringAsync();
        if (type == "application/json")
            text = Compact(text);
        var grpc = response.Headers.Contains("Grpc-Metadata-Content-Type") ? " grpc" : "";
        return $"{(int)response.StatusCode} {type}{grpc} {text.Replace('\n', '⏎')}".TrimEnd(' ');
    }

    /// <summary>JSON without the blanks between its tokens and without what differs from server to server.</summary>
    public static string Compact(string json)
    {
        var text = new StringBuilder();
        var inString = false;
        for (var i = 0; i < json.Length; i++)
        {
            if (json[i] == '"' && (i == 0 || !inString || !IsEscaped(json, i)))
                inString = !inString;
            if (inString || json[i] != ' ')
                text.Append(json[i]);
        }

        var named = Ours().Replace(text.ToString().Replace("proto:\u00a0", "proto: ", StringComparison.Ordinal), "\"$1\":\"#\"");
        return Ids().Replace(named, "\"ID\":\"#\"");
    }

    private static bool IsEscaped(string json, int at)
    {
        var backslashes = 0;
        while (json[at - 1 - backslashes] == '\\')
            backslashes++;
        return backslashes % 2 == 1;
    }

    private static byte[] Bytes(string text)
    {
        var bytes = new List<byte>();
        var rest = 0;
        foreach (Match hex in Hex().Matches(text))
        {
            bytes.AddRange(Encoding.UTF8.GetBytes(text[rest..hex.Index]));
            bytes.AddRange(Convert.FromHexString(hex.Groups[1].Value));
            rest = hex.Index + hex.Length;
        }

        bytes.AddRange(Encoding.UTF8.GetBytes(text[rest..]));
        return [.. bytes];
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"line {Line}: {Method} {Path} {Encoding.UTF8.GetString(Body)}");

    [GeneratedRegex("«([0-9a-f]+)»")]
    private static partial Regex Hex();

    [GeneratedRegex("\"(cluster_id|member_id|raft_term|leader|raftIndex|raftAppliedIndex|raftTerm|dbSize|dbSizeInUse|hash)\":\"?\\d+\"?")]
    private static partial Regex Ours();

    [GeneratedRegex("\"ID\":\"\\d{9,}\"")]
    private static partial Regex Ids();
}
