using System.Globalization;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Reads <c>v1 l2 r3 u4</c>: voter, learner, remove, update.</summary>
internal static class ConfChanges
{
    public static List<ConfChangeSingle> Parse(string text) =>
        [.. text.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(Single)];

    private static ConfChangeSingle Single(string word)
    {
        var type = word[0] switch
        {
            'v' => ConfChangeType.AddNode,
            'l' => ConfChangeType.AddLearnerNode,
            'r' => ConfChangeType.RemoveNode,
            'u' => ConfChangeType.UpdateNode,
            _ => throw new TraceErrorException($"unknown input: {word}"),
        };
        return new ConfChangeSingle(type, ulong.Parse(word.AsSpan(1), CultureInfo.InvariantCulture));
    }
}
