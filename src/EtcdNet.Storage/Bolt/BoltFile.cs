using System.Buffers;
using System.Text;

namespace EtcdNet.Storage.Bolt;

/// <summary>
/// A bbolt file that is made while it is sent, and is never whole anywhere, neither in memory nor on a disk. The meta pages stand
/// first and name pages that come last; therefore two passes over the buckets, which give the same pages in the same order: the
/// first one counts (<see cref="MeasureNext"/>), the second one writes (<see cref="WriteNext"/>). Not thread-safe.
/// </summary>
public sealed class BoltFile : IDisposable
{
    // bbolt opens the meta page with the higher transaction, and page 0 has the even ones.
    private const ulong Transaction = 2;

    private readonly BoltBucket[] _buckets;
    private readonly BoltPages _measured = new(null);
    private readonly ArrayBufferWriter<byte> _piece = new();
    private BoltPages? _written;
    private IEnumerator<int> _pass;
    private ulong _root;
    private long _pairBytes;

    /// <param name="buckets">What is in the file, in any order.</param>
    public BoltFile(IEnumerable<BoltBucket> buckets)
    {
        _buckets = [.. buckets.OrderBy(static bucket => bucket.Name, StringComparer.Ordinal)];
        _pass = Pass(_measured).GetEnumerator();
    }

    /// <summary>Bytes of the file, when the first pass is over.</summary>
    public long Size { get; private set; }

    /// <summary>A slice of the first pass, of about so many bytes. False when it is over.</summary>
    /// <exception cref="InvalidOperationException">A bucket is not in order, or a key cannot be stored.</exception>
    public bool MeasureNext(int bytesEnough)
    {
        if (Advance(_measured, bytesEnough))
            return true;
        Size = _measured.Bytes;
        return false;
    }

    /// <summary>The next bytes of the file, about so many, valid until the next call; empty at its end.</summary>
    /// <exception cref="InvalidOperationException">The buckets are not what they were in the first pass.</exception>
    public ReadOnlyMemory<byte> WriteNext(int bytesEnough)
    {
        _piece.ResetWrittenCount();
        if (_written is null)
            BeginSecondPass();
        bool more = Advance(_written!, bytesEnough);
        if (_written!.Bytes > Size || (!more && _written.Bytes != Size))
            throw new InvalidOperationException($"a file of {Size} bytes became one of {_written.Bytes} bytes");
        return _piece.WrittenMemory;
    }

    /// <inheritdoc/>
    public void Dispose() => _pass.Dispose();

    private void BeginSecondPass()
    {
        if (Size == 0)
            throw new InvalidOperationException("the first pass is not over");
        _pass.Dispose();
        _written = new BoltPages(_piece);
        _pass = Pass(_written).GetEnumerator();
    }

    private bool Advance(BoltPages pages, int bytesEnough)
    {
        long enough = pages.Bytes + bytesEnough;
        while (pages.Bytes < enough)
        {
            if (!_pass.MoveNext())
                return false;
        }
        return true;
    }

    /// <summary>One pass; an item is a step of it.</summary>
    private IEnumerable<int> Pass(BoltPages pages)
    {
        (ulong root, ulong count, long expectedBytes) = (_root, _measured.Count, _pairBytes);
        long pairBytes = 0;
        for (ulong id = 0; id < BoltFormat.FreelistId; id++)
            pages.Write(BoltFormat.PageBytes, (root, count), static (page, id, state) => BoltFormat.WriteMeta(page, id, Transaction + id, state.root, state.count));
        pages.Write(BoltFormat.PageBytes, 0, static (page, id, _) => BoltFormat.WritePageHeader(page, id, BoltFormat.FreelistPage, 0, 0));
        var buckets = new List<(byte[] Name, ulong Root)>(_buckets.Length);
        foreach (BoltBucket bucket in _buckets)
        {
            var tree = new BoltTree(pages);
            foreach (BoltPair pair in bucket.Pairs)
            {
                tree.Add(pair.Key.Span, pair.Value.Span);
                pairBytes += pair.Key.Length + pair.Value.Length;
                yield return 0;
            }
            buckets.Add((Encoding.UTF8.GetBytes(bucket.Name), tree.Finish()));
        }
        (_root, _pairBytes) = (WriteRoot(pages, buckets), pairBytes);
        if (root != 0 && (root, count, expectedBytes) != (_root, pages.Count, pairBytes))
            throw new InvalidOperationException($"a file of {count} pages with {expectedBytes} bytes became one of {pages.Count} with {pairBytes}");
    }

    private static ulong WriteRoot(BoltPages pages, List<(byte[] Name, ulong Root)> buckets)
    {
        var tree = new BoltTree(pages);
        byte[] value = new byte[BoltFormat.BucketBytes];
        foreach ((byte[] name, ulong root) in buckets)
        {
            BoltFormat.WriteBucket(value, root);
            tree.Add(name, value, BoltFormat.BucketElement);
        }
        return tree.Finish();
    }
}
