namespace EtcdNet.Storage.Bolt;

/// <summary>
/// One B+tree, made from its bottom out of pairs in ascending order: a full leaf is written and named to the branch above, and so
/// on upwards, so that no more than one node of each level is in memory. All leaves are equally deep.
/// </summary>
internal sealed class BoltTree(BoltPages pages)
{
    private readonly BoltNode _leaf = new(isLeaf: true);
    private readonly List<BoltNode> _branches = [];
    private byte[] _lastKey = [];
    private int _lastKeyBytes;

    /// <summary>Adds a pair.</summary>
    /// <exception cref="InvalidOperationException">The key is empty, too long or not above the one before.</exception>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, uint flags = 0)
    {
        Check(key);
        if (_leaf.Count > 0 && !_leaf.Fits(key.Length, value.Length))
            WriteLeaf();
        _leaf.Add(flags, key, value);
    }

    /// <summary>Writes what is left.</summary>
    /// <returns>The page of the root; of an empty tree that is an empty leaf.</returns>
    public ulong Finish()
    {
        if (_branches.Count == 0)
            return _leaf.Write(pages);
        WriteLeaf();
        for (int level = 0; ; level++)
        {
            BoltNode node = _branches[level];
            ulong page = node.Write(pages);
            if (level == _branches.Count - 1)
                return page;
            AddChild(level + 1, node.FirstKey.Span, page);
        }
    }

    private void Check(ReadOnlySpan<byte> key)
    {
        if (key.Length is 0 or > BoltFormat.KeyBytesMax)
            throw new InvalidOperationException($"a key of {key.Length} bytes cannot be stored in a bbolt file");
        if (_lastKeyBytes > 0 && key.SequenceCompareTo(_lastKey.AsSpan(0, _lastKeyBytes)) <= 0)
            throw new InvalidOperationException("keys must come in ascending order");
        if (_lastKey.Length < key.Length)
            _lastKey = new byte[key.Length];
        key.CopyTo(_lastKey);
        _lastKeyBytes = key.Length;
    }

    private void WriteLeaf()
    {
        ulong page = _leaf.Write(pages);
        AddChild(0, _leaf.FirstKey.Span, page);
        _leaf.Clear();
    }

    private void AddChild(int level, ReadOnlySpan<byte> key, ulong child)
    {
        if (level == _branches.Count)
            _branches.Add(new BoltNode(isLeaf: false));
        BoltNode node = _branches[level];
        // Two children at least, however long their keys are: otherwise a level would be as wide as the one below. So three
        // before it is written, since one goes on with the next branch.
        if (node.Count >= 3 && !node.Fits(key.Length, 0))
            WriteBranch(level, node);
        node.Add(key, child);
    }

    /// <summary>Its last child goes with the next branch, so that the last one of a level has two as well.</summary>
    private void WriteBranch(int level, BoltNode node)
    {
        ulong page = node.Write(pages, withoutLast: true);
        AddChild(level + 1, node.FirstKey.Span, page);
        byte[] key = node.LastKey.ToArray();
        ulong child = node.LastChild;
        node.Clear();
        node.Add(key, child);
    }
}
