using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace EtcdNet.Raft;

/// <summary>
/// A rule that Raft's safety rests on was found broken: by a bug, by lost data, or by misuse. The node must not be used any more;
/// going on could lose acknowledged writes.
/// </summary>
public sealed class RaftInvariantException(string message) : Exception(message);

/// <summary>Checks that stay on in production. The table in README.md says where each rule comes from.</summary>
internal static class Invariant
{
    /// <summary>Throws <see cref="RaftInvariantException"/> unless <paramref name="holds"/>.</summary>
    public static void Holds(
        [DoesNotReturnIf(false)] bool holds, [InterpolatedStringHandlerArgument(nameof(holds))] ref BrokenRule rule)
    {
        if (!holds)
            throw new RaftInvariantException(rule.Take());
    }
}

/// <summary>The text about a broken rule, formatted only when it is broken.</summary>
[InterpolatedStringHandler]
internal ref struct BrokenRule
{
    private DefaultInterpolatedStringHandler _text;

    public BrokenRule(int literalLength, int formattedCount, bool holds, out bool wanted)
    {
        wanted = !holds;
        _text = wanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
    }

    public void AppendLiteral(string text) => _text.AppendLiteral(text);

    public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

    public void AppendFormatted<T>(T value, string? format) => _text.AppendFormatted(value, format);

    public string Take() => _text.ToStringAndClear();
}
