namespace EtcdNet.Raft.Tracking;

/// <summary>
/// Append messages on the way to one member, oldest first, bounded in number and bytes (Raft thesis §10.2.1). A ring that grows on
/// demand, since most members never need the full window.
/// </summary>
internal sealed class Inflights(int maxMessages, ulong maxBytes)
{
    private (ulong Index, ulong Bytes)[] _ring = [];
    private int _start;
    private ulong _bytes;

    public int Count { get; private set; }

    /// <summary>No further message may be added. The byte limit may be overshot by the last message.</summary>
    public bool IsFull => Count == maxMessages || (maxBytes != 0 && _bytes >= maxBytes);

    /// <summary>Notes a message whose last entry is <paramref name="index"/>.</summary>
    public void Add(ulong index, ulong bytes)
    {
        Invariant.Holds(!IsFull, $"cannot add into a full inflights");
        if (Count == _ring.Length)
            Grow();
        _ring[(_start + Count) % _ring.Length] = (index, bytes);
        Count++;
        _bytes += bytes;
    }

    /// <summary>Everything up to <paramref name="index"/> arrived.</summary>
    public void FreeTo(ulong index)
    {
        while (Count > 0 && _ring[_start].Index <= index)
        {
            _bytes -= _ring[_start].Bytes;
            _start = (_start + 1) % _ring.Length;
            Count--;
        }
    }

    public void Clear() => (_start, Count, _bytes) = (0, 0, 0);

    private void Grow()
    {
        var size = Math.Min(maxMessages, Math.Max(4, 2 * _ring.Length));
        var grown = new (ulong Index, ulong Bytes)[size];
        for (var i = 0; i < Count; i++)
            grown[i] = _ring[(_start + i) % _ring.Length];
        (_ring, _start) = (grown, 0);
    }
}
