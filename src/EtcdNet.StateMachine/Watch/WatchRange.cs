using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// The keys a watcher looks at, with the conventions of <see cref="IHistory.Open"/>: an empty <see cref="RangeEnd"/> means
/// the one key, a single zero byte means every key from <see cref="Key"/> on, else the range is half open.
/// </summary>
public readonly record struct WatchRange
{
    private static readonly byte[] _zero = [0];

    /// <summary>Makes a range of a request's fields; an empty key stands for the smallest key (surface rule 22).</summary>
    public WatchRange(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> rangeEnd)
    {
        Key = key.IsEmpty ? _zero : key;
        RangeEnd = rangeEnd;
    }

    /// <summary>First key.</summary>
    public ReadOnlyMemory<byte> Key { get; }

    /// <summary>See the type.</summary>
    public ReadOnlyMemory<byte> RangeEnd { get; }

    /// <summary>Exactly one key.</summary>
    public bool IsSingle => RangeEnd.IsEmpty;

    /// <summary>No upper end.</summary>
    public bool IsOpenEnded => RangeEnd.Length == 1 && RangeEnd.Span[0] == 0;

    /// <summary>No key can be in it; etcd refuses such a watcher.</summary>
    public bool IsEmpty => !IsSingle && !IsOpenEnded && Key.Span.SequenceCompareTo(RangeEnd.Span) >= 0;

    /// <summary>True when <paramref name="key"/> lies in the range.</summary>
    public bool Contains(ReadOnlySpan<byte> key)
    {
        if (IsSingle)
            return Key.Span.SequenceEqual(key);
        return Key.Span.SequenceCompareTo(key) <= 0 && (IsOpenEnded || key.SequenceCompareTo(RangeEnd.Span) < 0);
    }

    /// <inheritdoc/>
    public bool Equals(WatchRange other) =>
        Key.Span.SequenceEqual(other.Key.Span) && RangeEnd.Span.SequenceEqual(other.RangeEnd.Span);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        HashCode.Combine(KeyComparer.Instance.GetHashCode(Key), KeyComparer.Instance.GetHashCode(RangeEnd));

    /// <summary>Order of the interval tree: by first key, then by end, open ends last.</summary>
    internal int CompareTo(WatchRange other)
    {
        int byKey = Key.Span.SequenceCompareTo(other.Key.Span);
        return byKey != 0 ? byKey : CompareEnds(this, other);
    }

    /// <summary>Compares the ends of two ranges; an open end is greater than every key.</summary>
    internal static int CompareEnds(WatchRange left, WatchRange right)
    {
        if (left.IsOpenEnded || right.IsOpenEnded)
            return left.IsOpenEnded.CompareTo(right.IsOpenEnded);
        return left.RangeEnd.Span.SequenceCompareTo(right.RangeEnd.Span);
    }
}
