using System.Globalization;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>One argument of a command: <c>key</c>, <c>key=value</c> or <c>key=(a,b)</c>.</summary>
internal sealed record TraceArgument(string Key, IReadOnlyList<string> Values)
{
    public ulong Id => ulong.Parse(Key, CultureInfo.InvariantCulture);

    public string Value => Assert.Single(Values);

    public bool Flag => Values.Count == 0 || bool.Parse(Value);

    public IEnumerable<ulong> Ids => Values.Select(v => ulong.Parse(v, CultureInfo.InvariantCulture));
}

/// <summary>A command, its input lines, and the text it is expected to answer (each line ends with a line break).</summary>
/// <param name="Line">Number of the command's line.</param>
/// <param name="Answer">The lines of the file that hold the answer, without the empty line after it.</param>
internal sealed record TraceBlock(int Line, Range Answer, string Command, IReadOnlyList<TraceArgument> Arguments, string Input, string Expected)
{
    /// <summary>Arguments without a value, in order.</summary>
    public IEnumerable<TraceArgument> Positional => Arguments.Where(a => a.Values.Count == 0);

    public TraceArgument? Find(string key) => Arguments.FirstOrDefault(a => a.Key == key);
}

/// <summary>
/// Reads trace files: comments start with <c>#</c>; a block is a command line, input lines, <c>----</c>, the answer up to an empty
/// line (or between doubled <c>----</c> when it contains empty lines). A command line ending with a backslash goes on in the next;
/// <c>subtest</c> lines only structure a file.
/// </summary>
internal static class TraceReader
{
    private const string Separator = "----";

    public static IEnumerable<TraceBlock> Read(string path)
    {
        var lines = File.ReadAllLines(path);
        for (var at = 0; at < lines.Length;)
        {
            var line = lines[at].Trim();
            if (line.Length == 0 || line.StartsWith('#') || line.StartsWith("subtest ", StringComparison.Ordinal))
            {
                at++;
                continue;
            }

            yield return Block(lines, ref at);
        }
    }

    private static TraceBlock Block(string[] lines, ref int at)
    {
        var start = at;
        var command = lines[at].Trim();
        while (command.EndsWith('\\') && at + 1 < lines.Length)
            command = command[..^1] + " " + lines[++at].Trim();
        var input = new List<string>();
        for (at++; at < lines.Length && lines[at] != Separator; at++)
            input.Add(lines[at]);
        Assert.True(at < lines.Length, $"line {start + 1}: no {Separator} after the command");
        at++;
        var answer = at;
        var expected = new List<string>();
        if (at < lines.Length && lines[at] == Separator)
        {
            for (at++; !(lines[at] == Separator && lines[at + 1] == Separator); at++)
                expected.Add(lines[at]);
            at += 2;
        }
        else
        {
            for (; at < lines.Length && lines[at].Trim().Length > 0; at++)
                expected.Add(lines[at]);
        }

        var (name, arguments) = Parse(command);
        return new TraceBlock(start + 1, answer..at, name, arguments, string.Join('\n', input), string.Concat(expected.Select(l => l + "\n")));
    }

    private static (string Command, List<TraceArgument> Arguments) Parse(string line)
    {
        var arguments = new List<TraceArgument>();
        var words = Words(line);
        foreach (var word in words.Skip(1))
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            if (equals < 0)
            {
                arguments.Add(new TraceArgument(word, []));
                continue;
            }

            var value = word[(equals + 1)..];
            arguments.Add(new TraceArgument(word[..equals], value.StartsWith('(')
                ? value[1..^1].Split([',', ' '], StringSplitOptions.RemoveEmptyEntries) : [value]));
        }

        return (words[0], arguments);
    }

    /// <summary>Splits at spaces outside of parentheses.</summary>
    private static List<string> Words(string line)
    {
        var words = new List<string>();
        var word = "";
        var depth = 0;
        foreach (var c in line + " ")
        {
            depth += c == '(' ? 1 : c == ')' ? -1 : 0;
            if (c != ' ' || depth > 0)
            {
                word += c;
            }
            else if (word.Length > 0)
            {
                words.Add(word);
                word = "";
            }
        }

        return words;
    }
}
