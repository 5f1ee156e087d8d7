using System.Collections;

namespace EtcdNet.Raft;

/// <summary>
/// A view of entries that never change: the slots of the array behind it are written once. Consumers on a hot path take
/// <see cref="Span"/> instead of the interface.
/// </summary>
public sealed class EntrySlice : IReadOnlyList<Entry>
{
    private readonly Entry[] _array;
    private readonly int _start;

    /// <summary>Views <paramref name="count"/> entries of <paramref name="array"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within the array.</exception>
    public EntrySlice(Entry[] array, int start, int count)
    {
        ArgumentNullException.ThrowIfNull(array);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, array.Length - start);
        (_array, _start, Count) = (array, start, count);
    }

    /// <summary>No entries.</summary>
    public static EntrySlice Empty { get; } = new([], 0, 0);

    internal Entry[] Array => _array;

    internal int Start => _start;

    /// <inheritdoc/>
    public int Count { get; }

    /// <summary>The entries.</summary>
    public ReadOnlySpan<Entry> Span => new(_array, _start, Count);

    /// <inheritdoc/>
    public Entry this[int index] => Span[index];

    /// <summary>The first <paramref name="count"/> entries.</summary>
    public EntrySlice Take(int count) => Range(0, count);

    /// <summary><paramref name="count"/> entries from position <paramref name="start"/> on.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range is not within this slice.</exception>
    public EntrySlice Range(int start, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count - start);
        return count == Count ? this : new EntrySlice(_array, _start + start, count);
    }

    /// <summary>Entries as a slice: the same object if it is one, else a copy.</summary>
    public static EntrySlice From(IReadOnlyList<Entry> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        if (entries is EntrySlice slice)
            return slice;
        if (entries.Count == 0)
            return Empty;
        if (entries is Entry[] array)
            return new EntrySlice(array, 0, array.Length);
        var copy = new Entry[entries.Count];
        for (var i = 0; i < copy.Length; i++)
            copy[i] = entries[i];
        return new EntrySlice(copy, 0, copy.Length);
    }

    /// <inheritdoc/>
    public IEnumerator<Entry> GetEnumerator()
    {
        for (var i = 0; i < Count; i++)
            yield return _array[_start + i];
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
