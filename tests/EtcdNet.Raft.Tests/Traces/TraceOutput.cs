using System.Text;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Collects what a command prints, log lines of the nodes included, indented as told.</summary>
internal sealed class TraceOutput : IRaftLogger
{
    /// <summary>Ascending. The node itself never writes at the last but one: what is fatal there is an exception here.</summary>
    private static readonly string[] LevelNames = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"];

    private readonly StringBuilder _text = new();
    private string _indent = "";

    /// <summary>Lowest level that is printed.</summary>
    public RaftLogLevel Level { get; set; } = RaftLogLevel.Debug;

    /// <summary>Print nothing at all.</summary>
    public bool IsQuiet { get; set; }

    public bool IsEmpty => _text.Length == 0;

    public bool IsEnabled(RaftLogLevel level) => !IsQuiet && level >= Level;

    public void Write(RaftLogLevel level, string text)
    {
        if (IsEnabled(level))
            Print($"{Name(level)} {text}");
    }

    public void SetLevel(string name)
    {
        var level = Array.FindIndex(LevelNames, l => name.Equals(l, StringComparison.OrdinalIgnoreCase));
        if (level < 0)
            throw new TraceErrorException($"log levels must be either of [{string.Join(' ', LevelNames)}]");
        (Level, IsQuiet) = ((RaftLogLevel)level, level == LevelNames.Length - 1);
    }

    /// <summary>Prints lines; a line break at the end is added if missing.</summary>
    public void Print(string text)
    {
        if (IsQuiet)
            return;
        foreach (var line in text.TrimEnd('\n').Split('\n'))
            _text.Append(_indent).Append(line).Append('\n');
    }

    public void Indented(Action print)
    {
        var before = _indent;
        _indent += "  ";
        print();
        _indent = before;
    }

    public string Take()
    {
        var text = _text.ToString();
        _text.Clear();
        return text;
    }

    private static string Name(RaftLogLevel level) => LevelNames[(int)level];
}
