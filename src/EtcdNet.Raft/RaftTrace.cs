using System.Runtime.CompilerServices;

namespace EtcdNet.Raft;

/// <summary>The core's way to its <see cref="IRaftLogger"/>: text is only built when somebody wants the line.</summary>
internal sealed class RaftTrace(IRaftLogger? logger)
{
    public bool IsEnabled(RaftLogLevel level) => logger is not null && logger.IsEnabled(level);

    public void Write(RaftLogLevel level, [InterpolatedStringHandlerArgument("", nameof(level))] ref LogLine line)
    {
        if (line.IsWanted)
            logger!.Write(level, line.Take());
    }
}

/// <summary>A log line that is formatted only when its level is enabled.</summary>
[InterpolatedStringHandler]
internal ref struct LogLine
{
    private DefaultInterpolatedStringHandler _text;

    public LogLine(int literalLength, int formattedCount, RaftTrace trace, RaftLogLevel level, out bool wanted)
    {
        IsWanted = wanted = trace.IsEnabled(level);
        _text = wanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public bool IsWanted { get; }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    public string Take() => _text.ToStringAndClear();
}
