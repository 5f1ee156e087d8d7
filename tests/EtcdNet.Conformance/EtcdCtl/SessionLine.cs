using System.Text;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>
/// One command of a session. A line of the file is an etcdctl command as a person types it ('…' holds words together), <c>!</c> before it
/// says that it fails, <c>[3.5]</c> that older programs do not have it, <c>-> NAME</c> behind it keeps the first hexadecimal number of its
/// answer as <c>$NAME</c>. <c>@ POST PATH JSON</c> is a request to the gateway instead. Below a command, lines with <c>|</c> are its standard input, and lines with <c>=</c>, if any, what it must print.
/// <c>$ENDPOINT</c>, <c>$PEER</c>, <c>$MEMBER</c> are those of the server.
/// </summary>
internal sealed record SessionLine(int Number, IReadOnlyList<string> Words, bool Fails, bool OnlyNewer, string? Kept)
{
    private readonly List<string> _input = [];
    private readonly List<string> _expected = [];

    /// <summary>The standard input; none unless given.</summary>
    public string? Input => _input.Count == 0 ? null : string.Concat(_input.Select(l => l + "\n"));

    /// <summary>What is printed, in the form of <see cref="SessionSide"/>, or null where only the two servers are compared.</summary>
    public string? Expected => _expected.Count == 0 ? null : string.Concat(_expected.Select(l => l + "\n"));

    /// <summary>The command and its arguments, without the user that may stand before it.</summary>
    public IReadOnlyList<string> Command
    {
        get
        {
            var start = 0;
            while (Words[start] is "--user" or "--password")
                start += 2;
            return [.. Words.Skip(start)];
        }
    }

    /// <summary>Whether this is a request to the gateway.</summary>
    public bool IsHttp => Words[0] == "@";

    public static List<SessionLine> ReadAll(string file)
    {
        var session = new List<SessionLine>();
        var lines = File.ReadAllLines(file);
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].StartsWith('|'))
                session[^1]._input.Add(Rest(lines[i]));
            else if (lines[i].StartsWith('='))
                session[^1]._expected.Add(Rest(lines[i]));
            else if (lines[i].Length > 0 && !lines[i].StartsWith('#'))
                session.Add(Parse(i + 1, lines[i]));
        }

        return session;
    }

    public override string ToString() => $"line {Number}: {string.Join(' ', Words)}";

    private static string Rest(string line) => line.Length > 1 ? line[2..] : "";

    private static SessionLine Parse(int number, string line)
    {
        var words = Split(line);
        var onlyNewer = words.Remove("[3.5]");
        var fails = words.Remove("!");
        string? kept = null;
        if (words.Count > 2 && words[^2] == "->")
        {
            kept = words[^1];
            words.RemoveRange(words.Count - 2, 2);
        }

        return new SessionLine(number, words, fails, onlyNewer, kept);
    }

    private static List<string> Split(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        bool quoted = false, begun = false;
        foreach (var letter in line + " ")
        {
            if (letter == '\'')
            {
                quoted = !quoted;
                begun = true;
            }
            else if (letter != ' ' || quoted)
            {
                word.Append(letter);
                begun = true;
            }
            else if (begun)
            {
                words.Add(word.ToString());
                word.Clear();
                begun = false;
            }
        }

        return words;
    }
}
