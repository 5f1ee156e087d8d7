using System.Text.RegularExpressions;

namespace EtcdNet.Conformance.Semantics;

/// <summary>What a line of a script does.</summary>
internal enum ScriptAction
{
    /// <summary><c>&gt; Put {…}</c>: a unary call.</summary>
    Call,

    /// <summary><c>&lt; {…}</c>: its answer.</summary>
    Answer,

    /// <summary><c>! 3 text</c>: its error.</summary>
    Error,

    /// <summary><c>open w Watch</c>: opens a stream under a name.</summary>
    Open,

    /// <summary><c>w&gt; {…}</c>: sends on a stream.</summary>
    Send,

    /// <summary><c>w&lt; {…}</c>: the next message of a stream.</summary>
    Receive,

    /// <summary><c>half w</c>: the client ends its side of a stream.</summary>
    HalfClose,

    /// <summary><c>w! 0</c>: the end of a stream, with its status.</summary>
    End,

    /// <summary><c>close w</c>: the client leaves the stream.</summary>
    Close,

    /// <summary><c>login bob bob pw</c>: gets a token for a user and its password, and keeps it under a name.</summary>
    Login,

    /// <summary><c>token bad x.1</c>: keeps a text as a token under a name.</summary>
    Token,

    /// <summary><c>as bob</c>: calls and streams carry this token from here on; <c>as</c> alone: none.</summary>
    As,
}

/// <summary>
/// A line of a script. <c>[&gt;=3.6]</c> or <c>[&lt;3.6]</c> in front of an expected answer makes it one of those etcd releases only.
/// </summary>
/// <param name="Number">Its number in the file, from 1.</param>
/// <param name="Action">What it does.</param>
/// <param name="Name">The RPC of a call, the name of a stream.</param>
/// <param name="Text">The rest of the line.</param>
internal sealed partial record ScriptLine(int Number, ScriptAction Action, string Name, string Text)
{
    /// <summary>The lines of a script that do something for a release of etcd.</summary>
    public static List<ScriptLine> Parse(string text, Version release)
    {
        var lines = new List<ScriptLine>();
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            if (string.IsNullOrWhiteSpace(line) || line.StartsWith('#'))
                continue;
            var match = Shape().Match(line);
            if (!match.Success)
                throw new FormatException($"line {number} is no script line: {line}");
            if (Applies(match.Groups["condition"].Value, release))
                lines.Add(Read(number, match));
        }

        return lines;
    }

    private static ScriptLine Read(int number, Match match)
    {
        var (name, sign, text) = (match.Groups["name"].Value, match.Groups["sign"].Value, match.Groups["text"].Value);
        var action = (name, sign) switch
        {
            ("", ">") => ScriptAction.Call,
            ("", "<") => ScriptAction.Answer,
            ("", "!") => ScriptAction.Error,
            ("open", "") => ScriptAction.Open,
            ("half", "") => ScriptAction.HalfClose,
            ("close", "") => ScriptAction.Close,
            ("login", "") => ScriptAction.Login,
            ("token", "") => ScriptAction.Token,
            ("as", "") => ScriptAction.As,
            (_, ">") => ScriptAction.Send,
            (_, "<") => ScriptAction.Receive,
            (_, "!") => ScriptAction.End,
            _ => throw new FormatException($"line {number}: unknown command {name}"),
        };
        if (action is ScriptAction.Call or ScriptAction.Open or ScriptAction.HalfClose or ScriptAction.Close
            or ScriptAction.Login or ScriptAction.Token or ScriptAction.As)
        {
            var parts = text.Split(' ', 2);
            return new ScriptLine(number, action, parts[0], parts.Length > 1 ? parts[1] : "");
        }

        return new ScriptLine(number, action, name, text);
    }

    private static bool Applies(string condition, Version release)
    {
        if (condition.Length == 0)
            return true;
        var bound = Version.Parse(condition.TrimStart('<', '>', '='));
        return condition.StartsWith(">=", StringComparison.Ordinal) ? release >= bound : release < bound;
    }

    [GeneratedRegex(@"^(\[(?<condition>(>=|<)\d+\.\d+)\])?\s*(?<name>[a-z]*)(?<sign>[<>!]?)\s*(?<text>.*)$")]
    private static partial Regex Shape();
}
