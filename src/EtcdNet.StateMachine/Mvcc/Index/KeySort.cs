using System.Buffers.Binary;

namespace EtcdNet.StateMachine.Mvcc.Index;

/// <summary>
/// Sorts histories by key bytes, several times faster than by comparing keys: skip what all keys of a run have in common,
/// sort by the next eight bytes as a number, and go on likewise inside runs that are still equal.
/// </summary>
internal static class KeySort
{
    private const int CompareBelow = 16;

    /// <summary>Sorts a run whose keys are equal up to a depth.</summary>
    public static void Sort(Span<KeyHistory> run, int depth)
    {
        if (run.Length < CompareBelow)
        {
            run.Sort(static (left, right) => left.Key.AsSpan().SequenceCompareTo(right.Key));
            return;
        }
        depth = CommonLength(run, depth);
        ulong[] words = new ulong[run.Length];
        for (int i = 0; i < run.Length; i++)
            words[i] = WordAt(run[i].Key, depth);
        words.AsSpan().Sort(run);
        for (int from = 0; from < run.Length;)
        {
            int to = from + 1;
            while (to < run.Length && words[to] == words[from])
                to++;
            if (to - from > 1)
                SortEqual(run[from..to], depth);
            from = to;
        }
    }

    /// <summary>
    /// Keys whose next eight bytes look equal. Zero bytes at the end of a key look like its end, so keys that end here are
    /// sorted by comparison.
    /// </summary>
    private static void SortEqual(Span<KeyHistory> run, int depth)
    {
        foreach (KeyHistory item in run)
        {
            if (item.Key.Length < depth + 8)
            {
                run.Sort(static (left, right) => left.Key.AsSpan().SequenceCompareTo(right.Key));
                return;
            }
        }
        Sort(run, depth + 8);
    }

    private static int CommonLength(Span<KeyHistory> run, int depth)
    {
        ReadOnlySpan<byte> first = run[0].Key;
        int common = first.Length;
        foreach (KeyHistory item in run)
            common = Math.Min(common, depth + first[depth..common].CommonPrefixLength(item.Key.AsSpan(depth)));
        return common;
    }

    private static ulong WordAt(ReadOnlySpan<byte> key, int depth)
    {
        key = key[depth..];
        if (key.Length >= 8)
            return BinaryPrimitives.ReadUInt64BigEndian(key);
        Span<byte> padded = stackalloc byte[8];
        padded.Clear();
        key.CopyTo(padded);
        return BinaryPrimitives.ReadUInt64BigEndian(padded);
    }
}
