namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// The keys a request names. An empty end means the one key, a single zero byte all keys from the start on,
/// anything else the half-open interval (which is empty when the end is not above the start).
/// </summary>
public readonly struct KeyRange
{
    private KeyRange(ReadOnlyMemory<byte> start, ReadOnlyMemory<byte> end, bool isSingle, bool isOpen)
    {
        Start = start;
        End = end;
        IsSingle = isSingle;
        IsOpen = isOpen;
    }

    /// <summary>All keys.</summary>
    public static KeyRange All { get; } = new(default, default, isSingle: false, isOpen: true);

    /// <summary>First key.</summary>
    public ReadOnlyMemory<byte> Start { get; }

    /// <summary>First key that is not in the range; without meaning when the range is open or one key.</summary>
    public ReadOnlyMemory<byte> End { get; }

    /// <summary>The range is the key <see cref="Start"/>.</summary>
    public bool IsSingle { get; }

    /// <summary>The range has no end.</summary>
    public bool IsOpen { get; }

    /// <summary>True when the range names a key.</summary>
    public bool Contains(ReadOnlySpan<byte> key) =>
        IsSingle
            ? Start.Span.SequenceEqual(key)
            : Start.Span.SequenceCompareTo(key) <= 0 && (IsOpen || key.SequenceCompareTo(End.Span) < 0);

    /// <summary>Reads the two fields of a request.</summary>
    public static KeyRange Of(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> rangeEnd)
    {
        if (rangeEnd.IsEmpty)
            return new KeyRange(key, default, isSingle: true, isOpen: false);
        bool open = rangeEnd.Length == 1 && rangeEnd.Span[0] == 0;
        return new KeyRange(key, open ? default : rangeEnd, isSingle: false, open);
    }
}
