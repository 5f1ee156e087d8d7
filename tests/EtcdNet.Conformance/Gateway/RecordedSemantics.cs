using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace EtcdNet.Conformance.Gateway;

/// <summary>One request of the recording, or one that prepares for the next.</summary>
/// <param name="Line">Where it stands in the file, from 1.</param>
/// <param name="Description">What was asked, in the words of the recording.</param>
/// <param name="Method">GET or POST.</param>
/// <param name="Path">Path and query.</param>
/// <param name="Body">JSON with the names of the file's head in it.</param>
/// <param name="Authorization">The header of that name, or null.</param>
/// <param name="IsRecorded">Whether the recording holds the answer; else it only has to succeed.</param>
/// <param name="Answer">The recorded answer, empty when none came.</param>
/// <param name="OlderAnswer">What etcd before 3.6 answers where that is another thing, else null.</param>
internal sealed record RecordedRequest(
    int Line, string Description, string Method, string Path, string Body, string? Authorization, bool IsRecorded, string Answer, string? OlderAnswer);

/// <summary>
/// Reads <c>Golden/semantics-3.6.14.txt</c>: the recording, line by line, and between its lines the requests that were worked out. The head of the
/// file tells the format.
/// </summary>
internal sealed partial class RecordedSemantics
{
    private readonly List<RecordedRequest> _requests = [];
    private readonly List<string> _descriptions = [];
    private readonly StringBuilder _recording = new();
    private readonly List<string> _answer = [];
    private RecordedRequest? _open;
    private string? _authorization;
    private string? _inlineAnswer;

    private RecordedSemantics(string file)
    {
        var number = 0;
        foreach (var line in File.ReadLines(file))
            Take(line, ++number);
        Close();
    }

    /// <summary>The requests in their order.</summary>
    public IReadOnlyList<RecordedRequest> Requests => _requests;

    /// <summary>The descriptions in their order.</summary>
    public IReadOnlyList<string> Descriptions => _descriptions;

    /// <summary>SHA-256 of the recording alone, in hexadecimal.</summary>
    public string Fingerprint => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(_recording.ToString())));

    public static RecordedSemantics Read() => new(System.IO.Path.Combine(AppContext.BaseDirectory, "Golden", "semantics-3.6.14.txt"));

    private void Take(string line, int number)
    {
        var inserted = Inserted().Match(line);
        if (!inserted.Success)
        {
            _recording.Append(line).Append('\n');
            TakeRecorded(line, number);
            return;
        }

        var text = line[inserted.Length..];
        switch (inserted.Value)
        {
            case "> " or "+ ":
                Close();
                _open = Request(number, text, inserted.Value == "> ");
                break;
            case "@ ":
                Close();
                _authorization = text;
                break;
            case "[<3.6] ":
                _open = Opened(number) with { OlderAnswer = text };
                break;
        }
    }

    private void TakeRecorded(string line, int number)
    {
        if (Heading().Match(line) is { Success: true } heading)
        {
            Close();
            _descriptions.Add(heading.Groups["description"].Value);
            _inlineAnswer = heading.Groups["answer"] is { Success: true } answer ? answer.Value : null;
        }
        else if (line.StartsWith("-- ", StringComparison.Ordinal))
        {
            // The few requests that were recorded stand below their answers.
            Assert.Equal(line[3..], Opened(number).Body);
        }
        else if (line.StartsWith("--- ", StringComparison.Ordinal))
        {
            Close();
        }
        else
        {
            Assert.True(Opened(number).IsRecorded, $"line {number}: this request has no answer in the recording");
            _answer.Add(line);
        }
    }

    private RecordedRequest Request(int number, string text, bool isRecorded)
    {
        var words = text.Split(' ', 3);
        var request = new RecordedRequest(
            number, _descriptions[^1], words[0], words[1], words.Length > 2 ? words[2] : "", _authorization, isRecorded, "", null);
        _authorization = null;
        return request;
    }

    private RecordedRequest Opened(int number) => _open ?? throw new FormatException($"line {number} belongs to no request");

    private void Close()
    {
        if (_open is { } request)
        {
            if (request.IsRecorded && _inlineAnswer is { } answer)
            {
                _answer.Add(answer);
                _inlineAnswer = null;
            }

            _requests.Add(request with { Answer = string.Join('\n', _answer).TrimEnd('\n') });
        }

        _answer.Clear();
        _open = null;
    }

    /// <summary>What begins a line that is not of the recording.</summary>
    [GeneratedRegex(@"^(; |;$|\+ |> |@ |\[<3\.6\] )")]
    private static partial Regex Inserted();

    /// <summary>A description; once its answer stands on the same line.</summary>
    [GeneratedRegex(@"^# (?<description>.*?)(: (?<answer>\{.*))?$")]
    private static partial Regex Heading();
}
