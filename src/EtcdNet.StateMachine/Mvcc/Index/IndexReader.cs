namespace EtcdNet.StateMachine.Mvcc.Index;

/// <summary>Receives keys in byte order.</summary>
internal interface IKeyVisitor
{
    /// <returns>False to stop.</returns>
    bool Visit(KeyHistory item);
}

/// <summary>Reads a published tree. Any thread.</summary>
internal static class IndexReader
{
    public static KeyHistory? Find(IndexNode node, ReadOnlySpan<byte> key)
    {
        while (node is InnerNode inner)
            node = inner.Children[inner.ChildOf(key)];
        var leaf = (LeafNode)node;
        int slot = leaf.LowerBound(key, out bool equal);
        return equal ? leaf.Items[slot] : null;
    }

    /// <summary>
    /// Keys of a range that exist at a revision. O(log n) at the newest one; at an older one only subtrees in which
    /// a key came or went since then are looked into.
    /// </summary>
    public static long Count(IndexNode root, in KeyRange range, long revision)
    {
        if (range.IsSingle)
            return Find(root, range.Start.Span) is { } item && item.IsLiveAt(revision) ? 1 : 0;
        if (IsEmpty(range))
            return 0;
        return Count(root, range, revision, hasStart: true, hasEnd: !range.IsOpen);
    }

    /// <summary>Visits the keys of a range, dead ones included.</summary>
    public static void Visit<TVisitor>(IndexNode root, in KeyRange range, ref TVisitor visitor)
        where TVisitor : struct, IKeyVisitor
    {
        if (range.IsSingle)
        {
            if (Find(root, range.Start.Span) is { } item)
                visitor.Visit(item);
        }
        else if (!IsEmpty(range))
        {
            Visit(root, range, ref visitor, hasStart: true, hasEnd: !range.IsOpen);
        }
    }

    private static bool IsEmpty(in KeyRange range) => !range.IsOpen && range.End.Span.SequenceCompareTo(range.Start.Span) <= 0;

    private static long Count(IndexNode node, in KeyRange range, long revision, bool hasStart, bool hasEnd)
    {
        if (!hasStart && !hasEnd && node.LastChange <= revision)
            return node.Live;
        long count = 0;
        if (node is LeafNode leaf)
        {
            (int from, int to) = Bounds(leaf, range, hasStart, hasEnd);
            for (int i = from; i < to; i++)
            {
                if (leaf.Items[i].IsLiveAt(revision))
                    count++;
            }
            return count;
        }
        var inner = (InnerNode)node;
        int first = hasStart ? inner.ChildOf(range.Start.Span) : 0;
        int last = hasEnd ? inner.ChildOf(range.End.Span) : inner.Count - 1;
        for (int i = first; i <= last; i++)
            count += Count(inner.Children[i], range, revision, hasStart && i == first, hasEnd && i == last);
        return count;
    }

    private static bool Visit<TVisitor>(IndexNode node, in KeyRange range, ref TVisitor visitor, bool hasStart, bool hasEnd)
        where TVisitor : struct, IKeyVisitor
    {
        if (node is LeafNode leaf)
        {
            (int from, int to) = Bounds(leaf, range, hasStart, hasEnd);
            for (int i = from; i < to; i++)
            {
                if (!visitor.Visit(leaf.Items[i]))
                    return false;
            }
            return true;
        }
        var inner = (InnerNode)node;
        int first = hasStart ? inner.ChildOf(range.Start.Span) : 0;
        int last = hasEnd ? inner.ChildOf(range.End.Span) : inner.Count - 1;
        for (int i = first; i <= last; i++)
        {
            if (!Visit(inner.Children[i], range, ref visitor, hasStart && i == first, hasEnd && i == last))
                return false;
        }
        return true;
    }

    private static (int From, int To) Bounds(LeafNode leaf, in KeyRange range, bool hasStart, bool hasEnd) => (
        hasStart ? leaf.LowerBound(range.Start.Span, out _) : 0,
        hasEnd ? leaf.LowerBound(range.End.Span, out _) : leaf.Count);
}
