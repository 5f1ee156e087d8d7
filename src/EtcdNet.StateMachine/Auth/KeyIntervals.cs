namespace EtcdNet.StateMachine.Auth;

/// <summary>
/// A set of keys as disjoint half-open intervals in ascending order. Intervals that overlap or touch are one, so a range is
/// covered by the permissions of several roles together (surface rule 44).
/// </summary>
internal sealed class KeyIntervals
{
    private readonly (ReadOnlyMemory<byte> Begin, ReadOnlyMemory<byte>? End)[] _intervals;

    /// <summary>The union of what the permissions name.</summary>
    public KeyIntervals(IEnumerable<Permission> permissions)
    {
        (ReadOnlyMemory<byte> Begin, ReadOnlyMemory<byte>? End)[] all = [.. permissions.Select(static permission => (permission.Key, EndOf(permission.Key, permission.RangeEnd)))];
        Array.Sort(all, static (a, b) => a.Begin.Span.SequenceCompareTo(b.Begin.Span));
        List<(ReadOnlyMemory<byte> Begin, ReadOnlyMemory<byte>? End)> merged = [];
        foreach ((ReadOnlyMemory<byte> begin, ReadOnlyMemory<byte>? end) in all)
        {
            if (merged.Count > 0 && !IsBefore(merged[^1].End, begin.Span))
                merged[^1] = (merged[^1].Begin, Later(merged[^1].End, end));
            else
                merged.Add((begin, end));
        }
        _intervals = [.. merged];
    }

    /// <summary>A single zero byte as the end of a range: there is none.</summary>
    public static bool IsOpenEnd(ReadOnlySpan<byte> rangeEnd) => rangeEnd is [0];

    /// <summary>True when every key of the range is in the set. An empty range (its end at or before its key) counts as its first key.</summary>
    public bool Covers(ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd)
    {
        int at = LastFrom(key);
        if (at < 0 || _intervals[at].End is not { } end)
            return at >= 0;
        if (key.SequenceCompareTo(end.Span) >= 0 || IsOpenEnd(rangeEnd))
            return false;
        return rangeEnd.IsEmpty || rangeEnd.SequenceCompareTo(end.Span) <= 0;
    }

    /// <summary>The last interval that begins at or before a key; -1 for none.</summary>
    private int LastFrom(ReadOnlySpan<byte> key)
    {
        int low = 0, high = _intervals.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            if (_intervals[middle].Begin.Span.SequenceCompareTo(key) <= 0)
                low = middle + 1;
            else
                high = middle - 1;
        }
        return high;
    }

    private static ReadOnlyMemory<byte>? EndOf(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> rangeEnd)
    {
        if (IsOpenEnd(rangeEnd.Span))
            return null;
        // The smallest key after a key is the key and a zero byte.
        return rangeEnd.IsEmpty ? (byte[])[.. key.Span, 0] : rangeEnd;
    }

    private static bool IsBefore(ReadOnlyMemory<byte>? end, ReadOnlySpan<byte> key) => end is { } limit && limit.Span.SequenceCompareTo(key) < 0;

    private static ReadOnlyMemory<byte>? Later(ReadOnlyMemory<byte>? one, ReadOnlyMemory<byte>? other)
    {
        if (one is not { } first || other is not { } second)
            return null;
        return first.Span.SequenceCompareTo(second.Span) >= 0 ? first : second;
    }
}
