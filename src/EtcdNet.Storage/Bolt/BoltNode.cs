using System.Buffers;

namespace EtcdNet.Storage.Bolt;

/// <summary>A node of a tree while it is filled: its elements, and their keys and values one behind the other.</summary>
internal sealed class BoltNode(bool isLeaf)
{
    private readonly List<Element> _elements = [];
    private readonly ArrayBufferWriter<byte> _data = new(BoltFormat.PageBytes);

    /// <summary>Elements.</summary>
    public int Count => _elements.Count;

    /// <summary>Bytes with the header of the page.</summary>
    public int Bytes => checked(BoltFormat.PageHeaderBytes + (BoltFormat.ElementBytes * Count) + _data.WrittenCount);

    /// <summary>The lowest key.</summary>
    public ReadOnlyMemory<byte> FirstKey => _data.WrittenMemory[.._elements[0].KeyBytes];

    /// <summary>The highest key.</summary>
    public ReadOnlyMemory<byte> LastKey
    {
        get
        {
            Element last = _elements[^1];
            return _data.WrittenMemory.Slice(last.Start, last.KeyBytes);
        }
    }

    /// <summary>The child of the last element of a branch.</summary>
    public ulong LastChild => _elements[^1].Child;

    /// <summary>There is room for another element in the first page.</summary>
    public bool Fits(int keyBytes, int valueBytes) =>
        (long)Bytes + BoltFormat.ElementBytes + keyBytes + valueBytes <= BoltFormat.PageBytes;

    /// <summary>Adds a pair to a leaf.</summary>
    public void Add(uint flags, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        _elements.Add(new Element(_data.WrittenCount, key.Length, value.Length, flags, 0));
        _data.Write(key);
        _data.Write(value);
    }

    /// <summary>Adds a child to a branch.</summary>
    public void Add(ReadOnlySpan<byte> key, ulong child)
    {
        _elements.Add(new Element(_data.WrittenCount, key.Length, 0, 0, child));
        _data.Write(key);
    }

    /// <summary>Empties it.</summary>
    public void Clear()
    {
        _elements.Clear();
        _data.ResetWrittenCount();
    }

    /// <summary>Writes the node, or all of it but its last element.</summary>
    /// <returns>Its page.</returns>
    public ulong Write(BoltPages pages, bool withoutLast = false)
    {
        int count = withoutLast ? Count - 1 : Count;
        int bytes = withoutLast ? BoltFormat.PageHeaderBytes + (BoltFormat.ElementBytes * count) + _elements[count].Start : Bytes;
        return pages.Write(bytes, (Node: this, Count: count), static (span, id, state) => state.Node.Fill(span, id, state.Count));
    }

    private void Fill(Span<byte> page, ulong id, int count)
    {
        int overflow = (page.Length / BoltFormat.PageBytes) - 1;
        BoltFormat.WritePageHeader(page, id, isLeaf ? BoltFormat.LeafPage : BoltFormat.BranchPage, count, overflow);
        int data = BoltFormat.PageHeaderBytes + (BoltFormat.ElementBytes * count);
        for (int i = 0; i < count; i++)
        {
            Element element = _elements[i];
            int at = BoltFormat.PageHeaderBytes + (BoltFormat.ElementBytes * i);
            int position = data + element.Start - at;
            if (isLeaf)
                BoltFormat.WriteLeafElement(page[at..], element.Flags, position, element.KeyBytes, element.ValueBytes);
            else
                BoltFormat.WriteBranchElement(page[at..], position, element.KeyBytes, element.Child);
        }
        int end = count == Count ? _data.WrittenCount : _elements[count].Start;
        _data.WrittenSpan[..end].CopyTo(page[data..]);
    }

    private readonly record struct Element(int Start, int KeyBytes, int ValueBytes, uint Flags, ulong Child);
}
