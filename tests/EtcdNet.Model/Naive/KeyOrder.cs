using Google.Protobuf;

namespace EtcdNet.Model.Naive;

/// <summary>Keys in the order of their bytes, and what a key and a range end of a request name.</summary>
public sealed class KeyOrder : IComparer<ByteString>
{
    /// <summary>The only one.</summary>
    public static KeyOrder Instance { get; } = new();

    /// <inheritdoc/>
    public int Compare(ByteString? x, ByteString? y) => x!.Span.SequenceCompareTo(y!.Span);

    /// <summary>No end: the one key. A zero byte: everything from the key on.</summary>
    public static bool Contains(ByteString key, ByteString rangeEnd, ByteString candidate)
    {
        if (rangeEnd.IsEmpty)
            return candidate == key;
        bool open = rangeEnd.Length == 1 && rangeEnd[0] == 0;
        return Instance.Compare(candidate, key) >= 0 && (open || Instance.Compare(candidate, rangeEnd) < 0);
    }
}
