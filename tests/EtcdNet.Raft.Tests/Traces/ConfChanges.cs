using System.Globalization;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Reads <c>v1 l2 r3 u4</c>: voter, learner, remove, update.</summary>
internal static class ConfChanges
{
    public static List<ConfChangeSingle> Parse(string text) =>
        [.. text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(Single)];

    private static ConfChangeSingle Single(string word)
    {
        if (word.Length < 2)
            throw new TraceErrorException($"unknown token {word}");
        var type = word[0] switch
        {
            'v' => ConfChangeType.AddNode,
            'l' => ConfChangeType.AddLearnerNode,
            'r' => ConfChangeType.RemoveNode,
            'u' => ConfChangeType.UpdateNode,
            _ => throw new TraceErrorException($"unknown input: {word}"),
        };
        return ulong.TryParse(word.AsSpan(1), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
            ? new ConfChangeSingle(type, id)
            : throw new TraceErrorException($"strconv.ParseUint: parsing \"{word[1..]}\": invalid syntax");
    }
}
