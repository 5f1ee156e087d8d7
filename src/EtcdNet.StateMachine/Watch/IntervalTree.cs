namespace EtcdNet.StateMachine.Watch;

/// <summary>
/// Ranges of keys with a value each, for the question "which ranges contain this key". An AVL tree ordered by first key
/// whose nodes know the greatest end below them, so subtrees that end before the key are skipped.
/// </summary>
internal sealed class IntervalTree<TValue>
    where TValue : class
{
    private Node? _root;

    /// <summary>Number of ranges.</summary>
    public int Count { get; private set; }

    /// <summary>Height of the tree; at most 1.44 log2(<see cref="Count"/>).</summary>
    public int Height => HeightOf(_root);

    /// <summary>The value of exactly this range.</summary>
    public TValue? Find(WatchRange range)
    {
        Node? node = _root;
        while (node is not null)
        {
            int order = range.CompareTo(node.Range);
            if (order == 0)
                return node.Value;
            node = order < 0 ? node.Left : node.Right;
        }
        return null;
    }

    /// <summary>Adds a range that is not there yet.</summary>
    public void Add(WatchRange range, TValue value)
    {
        _root = Insert(_root, range, value);
        Count++;
    }

    /// <summary>Removes a range that is there.</summary>
    public void Remove(WatchRange range)
    {
        _root = Delete(_root, range);
        Count--;
    }

    /// <summary>Appends the values of all ranges that contain <paramref name="key"/>.</summary>
    public void Stab(ReadOnlyMemory<byte> key, List<TValue> found) => Stab(_root, key.Span, found);

    private static void Stab(Node? node, ReadOnlySpan<byte> key, List<TValue> found)
    {
        while (node is not null && EndsAfter(node.GreatestEnd, key))
        {
            Stab(node.Left, key, found);
            if (node.Range.Key.Span.SequenceCompareTo(key) > 0)
                return; // every range to the right begins later still
            if (EndsAfter(node.Range, key))
                found.Add(node.Value);
            node = node.Right;
        }
    }

    private static bool EndsAfter(WatchRange range, ReadOnlySpan<byte> key) =>
        range.IsOpenEnded || key.SequenceCompareTo(range.RangeEnd.Span) < 0;

    private static Node Insert(Node? node, WatchRange range, TValue value)
    {
        if (node is null)
            return new Node(range, value);
        int order = range.CompareTo(node.Range);
        if (order == 0)
            throw new InvalidOperationException("the range is in the tree already");
        if (order < 0)
            node.Left = Insert(node.Left, range, value);
        else
            node.Right = Insert(node.Right, range, value);
        return Balance(node);
    }

    private static Node? Delete(Node? node, WatchRange range)
    {
        if (node is null)
            throw new InvalidOperationException("the range is not in the tree");
        int order = range.CompareTo(node.Range);
        if (order < 0)
            node.Left = Delete(node.Left, range);
        else if (order > 0)
            node.Right = Delete(node.Right, range);
        else if (node.Left is null || node.Right is null)
            return node.Left ?? node.Right;
        else
        {
            Node? right = TakeFirst(node.Right, out Node successor);
            successor.Left = node.Left;
            successor.Right = right;
            node = successor;
        }
        return Balance(node);
    }

    private static Node? TakeFirst(Node node, out Node first)
    {
        if (node.Left is null)
        {
            first = node;
            return node.Right;
        }
        node.Left = TakeFirst(node.Left, out first);
        return Balance(node);
    }

    private static Node Balance(Node node)
    {
        Update(node);
        int lean = HeightOf(node.Left) - HeightOf(node.Right);
        if (lean > 1)
        {
            if (HeightOf(node.Left!.Left) < HeightOf(node.Left.Right))
                node.Left = RotateLeft(node.Left);
            return RotateRight(node);
        }
        if (lean < -1)
        {
            if (HeightOf(node.Right!.Right) < HeightOf(node.Right.Left))
                node.Right = RotateRight(node.Right);
            return RotateLeft(node);
        }
        return node;
    }

    private static Node RotateLeft(Node node)
    {
        Node top = node.Right!;
        node.Right = top.Left;
        top.Left = node;
        Update(node);
        Update(top);
        return top;
    }

    private static Node RotateRight(Node node)
    {
        Node top = node.Left!;
        node.Left = top.Right;
        top.Right = node;
        Update(node);
        Update(top);
        return top;
    }

    private static void Update(Node node)
    {
        node.Height = 1 + Math.Max(HeightOf(node.Left), HeightOf(node.Right));
        node.GreatestEnd = node.Range;
        if (node.Left is not null && WatchRange.CompareEnds(node.Left.GreatestEnd, node.GreatestEnd) > 0)
            node.GreatestEnd = node.Left.GreatestEnd;
        if (node.Right is not null && WatchRange.CompareEnds(node.Right.GreatestEnd, node.GreatestEnd) > 0)
            node.GreatestEnd = node.Right.GreatestEnd;
    }

    private static int HeightOf(Node? node) => node?.Height ?? 0;

    private sealed class Node(WatchRange range, TValue value)
    {
        public WatchRange Range { get; } = range;

        public TValue Value { get; } = value;

        public Node? Left { get; set; }

        public Node? Right { get; set; }

        public int Height { get; set; } = 1;

        /// <summary>The range with the greatest end of this subtree.</summary>
        public WatchRange GreatestEnd { get; set; } = range;
    }
}
