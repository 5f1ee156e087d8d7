namespace EtcdNet.StateMachine.Mvcc.Index;

/// <summary>
/// Which keys there are: a copy-on-write B+tree in byte order. One thread changes it; a root that was handed out
/// (<see cref="Seal"/>) never changes again and is read by any number of threads.
/// Overwriting a live key does not touch the tree.
/// </summary>
internal sealed class KeyIndex
{
    private const int MergeBelow = IndexNode.Capacity / 4;
    private const int MergeUpTo = IndexNode.Capacity * 3 / 4;

    private long _batch = 1;

    /// <summary>The tree as the writer sees it.</summary>
    public IndexNode Root { get; private set; } = new LeafNode();

    /// <summary>Freezes everything made so far: the root may be given to readers.</summary>
    public void Seal() => _batch++;

    /// <summary>Puts a tree in place that was built from a checkpoint.</summary>
    public void Load(IndexNode root)
    {
        Root = root;
        Seal();
    }

    /// <summary>The history of a key, dead or live.</summary>
    public KeyHistory? Find(ReadOnlySpan<byte> key) => IndexReader.Find(Root, key);

    /// <summary>Adds a key that is not in the tree and lives from a revision on.</summary>
    public void Insert(KeyHistory item, long revision)
    {
        IndexNode root = Own(Root);
        IndexNode? right = Insert(root, item, revision, out byte[] lower);
        if (right is not null)
        {
            var top = new InnerNode { Batch = _batch };
            top.InsertAt(0, root, []);
            top.InsertAt(1, right, lower);
            Recount(top);
            root = top;
        }
        Root = root;
    }

    /// <summary>Notes that a key of the tree came to life (+1) or died (−1) at a revision.</summary>
    public void ChangeLiveness(ReadOnlySpan<byte> key, int delta, long revision)
    {
        Root = Own(Root);
        IndexNode node = Root;
        while (true)
        {
            node.Live += delta;
            node.LastChange = revision;
            Invariant.Check(node.Live >= 0);
            if (node is not InnerNode inner)
                return;
            int slot = inner.ChildOf(key);
            node = inner.Children[slot] = Own(inner.Children[slot]);
        }
    }

    /// <summary>Takes a dead key out.</summary>
    public void Remove(ReadOnlySpan<byte> key)
    {
        Root = Own(Root);
        Remove(Root, key);
        while (Root is InnerNode { Count: 1 } inner)
            Root = inner.Children[0];
        if (Root is InnerNode { Count: 0 })
            Root = new LeafNode { Batch = _batch, LastChange = Root.LastChange };
    }

    private IndexNode Own(IndexNode node) => node.Batch == _batch ? node : node.Copy(_batch);

    private IndexNode? Insert(IndexNode node, KeyHistory item, long revision, out byte[] lower)
    {
        node.Live++;
        node.LastChange = revision;
        if (node is LeafNode leaf)
            return InsertIntoLeaf(leaf, item, out lower);
        var inner = (InnerNode)node;
        int slot = inner.ChildOf(item.Key);
        IndexNode child = inner.Children[slot] = Own(inner.Children[slot]);
        IndexNode? right = Insert(child, item, revision, out lower);
        return right is null ? null : InsertIntoInner(inner, slot + 1, right, ref lower);
    }

    private LeafNode? InsertIntoLeaf(LeafNode leaf, KeyHistory item, out byte[] lower)
    {
        int slot = leaf.LowerBound(item.Key, out bool equal);
        Invariant.Check(!equal);
        lower = [];
        if (leaf.Count < IndexNode.Capacity)
        {
            leaf.InsertAt(slot, item);
            return null;
        }
        // Ascending keys fill their leaves: a full leaf stays full when the new key goes behind its end.
        int keep = slot == leaf.Count ? leaf.Count : leaf.Count / 2;
        var right = new LeafNode { Batch = _batch, LastChange = leaf.LastChange, Items = new KeyHistory[IndexNode.Capacity] };
        for (int i = keep; i < leaf.Count; i++)
            right.Items[right.Count++] = leaf.Items[i];
        leaf.Items.AsSpan(keep, leaf.Count - keep).Clear();
        leaf.Count = keep;
        if (slot < keep)
            leaf.InsertAt(slot, item);
        else
            right.InsertAt(slot - keep, item);
        right.Live = CountLive(right);
        leaf.Live -= right.Live;
        lower = right.Items[0].Key;
        return right;
    }

    private InnerNode? InsertIntoInner(InnerNode inner, int slot, IndexNode child, ref byte[] lower)
    {
        if (inner.Count < IndexNode.Capacity)
        {
            inner.InsertAt(slot, child, lower);
            return null;
        }
        int keep = slot == inner.Count ? inner.Count : inner.Count / 2;
        var right = new InnerNode { Batch = _batch };
        for (int i = keep; i < inner.Count; i++)
            right.InsertAt(right.Count, inner.Children[i], inner.Lower[i]);
        while (inner.Count > keep)
            inner.RemoveAt(inner.Count - 1);
        if (slot < keep || (slot == keep && right.Count > 0))
            inner.InsertAt(slot, child, lower);
        else
            right.InsertAt(slot - keep, child, lower);
        Recount(inner);
        Recount(right);
        lower = right.Lower[0];
        return right;
    }

    private void Remove(IndexNode node, ReadOnlySpan<byte> key)
    {
        if (node is LeafNode leaf)
        {
            int slot = leaf.LowerBound(key, out bool equal);
            Invariant.Check(equal);
            leaf.RemoveAt(slot);
            return;
        }
        var inner = (InnerNode)node;
        int place = inner.ChildOf(key);
        IndexNode child = inner.Children[place] = Own(inner.Children[place]);
        Remove(child, key);
        if (child.Count == 0)
            inner.RemoveAt(place);
        else if (child.Count < MergeBelow)
            MergeWithNeighbour(inner, place);
    }

    private void MergeWithNeighbour(InnerNode inner, int place)
    {
        if (place + 1 < inner.Count && inner.Children[place].Count + inner.Children[place + 1].Count <= MergeUpTo)
            Merge(inner, place);
        else if (place > 0 && inner.Children[place - 1].Count + inner.Children[place].Count <= MergeUpTo)
            Merge(inner, place - 1);
    }

    private void Merge(InnerNode inner, int place)
    {
        IndexNode left = inner.Children[place] = Own(inner.Children[place]);
        IndexNode right = inner.Children[place + 1];
        if (left is LeafNode leftLeaf)
        {
            var rightLeaf = (LeafNode)right;
            for (int i = 0; i < rightLeaf.Count; i++)
                leftLeaf.InsertAt(leftLeaf.Count, rightLeaf.Items[i]);
        }
        else
        {
            var leftInner = (InnerNode)left;
            var rightInner = (InnerNode)right;
            for (int i = 0; i < rightInner.Count; i++)
                leftInner.InsertAt(leftInner.Count, rightInner.Children[i], i == 0 ? inner.Lower[place + 1] : rightInner.Lower[i]);
        }
        left.Live += right.Live;
        left.LastChange = Math.Max(left.LastChange, right.LastChange);
        inner.RemoveAt(place + 1);
    }

    private static int CountLive(LeafNode leaf)
    {
        int live = 0;
        for (int i = 0; i < leaf.Count; i++)
        {
            if (!leaf.Items[i].Last.IsTombstone)
                live++;
        }
        return live;
    }

    /// <summary>Sums up the children of an inner node.</summary>
    public static void Recount(InnerNode inner)
    {
        inner.Live = 0;
        inner.LastChange = 0;
        for (int i = 0; i < inner.Count; i++)
        {
            inner.Live += inner.Children[i].Live;
            inner.LastChange = Math.Max(inner.LastChange, inner.Children[i].LastChange);
        }
    }
}
