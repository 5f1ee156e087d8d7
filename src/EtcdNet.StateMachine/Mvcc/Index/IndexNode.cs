namespace EtcdNet.StateMachine.Mvcc.Index;

/// <summary>
/// A node of the copy-on-write tree. A node made in the batch in progress is changed in place; once published it is frozen.
/// </summary>
internal abstract class IndexNode
{
    /// <summary>Most slots of a node.</summary>
    public const int Capacity = 64;

    /// <summary>Batch that made the node.</summary>
    public long Batch;

    /// <summary>Newest revision at which a key below was created or deleted: at this revision and later <see cref="Live"/> is exact.</summary>
    public long LastChange;

    /// <summary>Slots in use.</summary>
    public int Count;

    /// <summary>Keys below that exist now.</summary>
    public int Live;

    /// <summary>A changeable copy for a batch, with room for one more slot.</summary>
    public abstract IndexNode Copy(long batch);

    /// <summary>Length of an array for this many slots: rounded up so that small growth needs no new array.</summary>
    protected static int Room(int count) => Math.Min(Capacity, (count + 8) & ~7);
}

/// <summary>Keys in byte order, dead ones included until compaction removes them.</summary>
internal sealed class LeafNode : IndexNode
{
    public KeyHistory[] Items = [];

    /// <inheritdoc/>
    public override IndexNode Copy(long batch)
    {
        var copy = new LeafNode { Batch = batch, LastChange = LastChange, Count = Count, Live = Live, Items = new KeyHistory[Room(Count)] };
        Items.AsSpan(0, Count).CopyTo(copy.Items);
        return copy;
    }

    /// <summary>First slot whose key is not below.</summary>
    public int LowerBound(ReadOnlySpan<byte> key, out bool equal)
    {
        int low = 0;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            int order = Items[middle].Key.AsSpan().SequenceCompareTo(key);
            if (order == 0)
            {
                equal = true;
                return middle;
            }
            if (order < 0)
                low = middle + 1;
            else
                high = middle;
        }
        equal = false;
        return low;
    }

    public void InsertAt(int slot, KeyHistory item)
    {
        if (Items.Length == Count)
            Array.Resize(ref Items, Room(Count));
        Items.AsSpan(slot, Count - slot).CopyTo(Items.AsSpan(slot + 1));
        Items[slot] = item;
        Count++;
    }

    public void RemoveAt(int slot)
    {
        Items.AsSpan(slot + 1, Count - slot - 1).CopyTo(Items.AsSpan(slot));
        Items[--Count] = null!;
    }
}

/// <summary>
/// Children in byte order. Child i holds keys in [Lower[i], Lower[i + 1]); Lower[0] is not looked at.
/// </summary>
internal sealed class InnerNode : IndexNode
{
    public IndexNode[] Children = [];
    public byte[][] Lower = [];

    /// <inheritdoc/>
    public override IndexNode Copy(long batch)
    {
        int room = Room(Count);
        var copy = new InnerNode
        {
            Batch = batch, LastChange = LastChange, Count = Count, Live = Live,
            Children = new IndexNode[room], Lower = new byte[room][],
        };
        Children.AsSpan(0, Count).CopyTo(copy.Children);
        Lower.AsSpan(0, Count).CopyTo(copy.Lower);
        return copy;
    }

    /// <summary>The child that a key belongs to.</summary>
    public int ChildOf(ReadOnlySpan<byte> key)
    {
        int low = 1;
        int high = Count;
        while (low < high)
        {
            int middle = (low + high) >> 1;
            if (Lower[middle].AsSpan().SequenceCompareTo(key) <= 0)
                low = middle + 1;
            else
                high = middle;
        }
        return low - 1;
    }

    public void InsertAt(int slot, IndexNode child, byte[] lower)
    {
        if (Children.Length == Count)
        {
            int room = Room(Count);
            Array.Resize(ref Children, room);
            Array.Resize(ref Lower, room);
        }
        Children.AsSpan(slot, Count - slot).CopyTo(Children.AsSpan(slot + 1));
        Lower.AsSpan(slot, Count - slot).CopyTo(Lower.AsSpan(slot + 1));
        Children[slot] = child;
        Lower[slot] = lower;
        Count++;
    }

    public void RemoveAt(int slot)
    {
        Children.AsSpan(slot + 1, Count - slot - 1).CopyTo(Children.AsSpan(slot));
        Lower.AsSpan(slot + 1, Count - slot - 1).CopyTo(Lower.AsSpan(slot));
        Count--;
        Children[Count] = null!;
        Lower[Count] = null!;
    }
}
