using System.Buffers.Binary;
using System.Text;

namespace EtcdNet.Testing.Bolt;

/// <summary>
/// Reads a bbolt file and believes nothing: every page must be one of the meta pages, the freelist, free, or a node of exactly one
/// tree; checksums, numbers, positions, the order of keys and the depth of leaves must be right. Written from the description of the
/// format, and shares no code with the writer. The whole file is in memory.
/// </summary>
public sealed class BoltReader
{
    private const int Page = 4096;
    private const int Branch = 1;
    private const int Leaf = 2;
    private readonly byte[] _file;
    private readonly string?[] _owners;
    private readonly SortedDictionary<string, BoltPair[]> _buckets = new(StringComparer.Ordinal);

    private BoltReader(byte[] file)
    {
        _file = file;
        Require(file.Length % Page == 0 && file.Length >= 4 * Page, $"{file.Length} bytes are not whole pages");
        (ulong root, ulong freelist, ulong pages, _) = ReadMeta();
        Require((long)pages * Page == file.Length, $"the meta page counts {pages} pages, there are {file.Length / Page}");
        _owners = new string?[pages];
        Own(0, "meta", flags: 4);
        Own(1, "meta", flags: 4);
        ReadFreelist(freelist);
        var names = new List<BoltPair>();
        ReadTree(root, "root", bucketsExpected: true, names);
        foreach (BoltPair bucket in names)
        {
            string name = Encoding.UTF8.GetString(bucket.Key);
            var pairs = new List<BoltPair>();
            Require(bucket.Value.Length == 16 && U64(bucket.Value, 8) == 0, $"bucket {name} has an odd header");
            ReadTree(U64(bucket.Value, 0), name, bucketsExpected: false, pairs);
            _buckets.Add(name, [.. pairs]);
        }
        int orphan = Array.IndexOf(_owners, null);
        Require(orphan < 0, $"page {orphan} belongs to nobody");
    }

    /// <summary>What is in the buckets, by their names.</summary>
    public IReadOnlyDictionary<string, BoltPair[]> Buckets => _buckets;

    /// <summary>Levels of the deepest tree.</summary>
    public int Depth { get; private set; }

    /// <summary>Reads a whole file.</summary>
    /// <exception cref="InvalidDataException">It is not a right bbolt file.</exception>
    public static BoltReader Read(byte[] file) => new(file);

    private (ulong Root, ulong Freelist, ulong Pages, ulong Transaction) ReadMeta()
    {
        var metas = new[] { MetaAt(0), MetaAt(1) };
        Require(metas[0].Transaction + 1 == metas[1].Transaction && metas[1].Transaction % 2 == 1, "transactions of the meta pages");
        Require(metas[0] with { Transaction = 0 } == metas[1] with { Transaction = 0 }, "the meta pages differ");
        return metas[1];
    }

    private (ulong Root, ulong Freelist, ulong Pages, ulong Transaction) MetaAt(int page)
    {
        ReadOnlySpan<byte> meta = _file.AsSpan((page * Page) + 16, 64);
        Require(BinaryPrimitives.ReadUInt32LittleEndian(meta) == 0xED0CDAED, "magic");
        Require(BinaryPrimitives.ReadInt32LittleEndian(meta[4..]) == 2, "version");
        Require(BinaryPrimitives.ReadInt32LittleEndian(meta[8..]) == Page, "page size");
        ulong hash = 0xcbf29ce484222325;
        foreach (byte one in meta[..56])
            hash = (hash ^ one) * 0x100000001b3;
        Require(BinaryPrimitives.ReadUInt64LittleEndian(meta[56..]) == hash, $"checksum of meta page {page}");
        byte[] numbers = meta.ToArray();
        return (U64(numbers, 16), U64(numbers, 32), U64(numbers, 40), U64(numbers, 48));
    }

    private void ReadFreelist(ulong page)
    {
        int count = Own(page, "freelist", flags: 16).Count;
        for (int i = 0; i < count; i++)
        {
            ulong free = U64(_file, checked((int)page * Page) + 16 + (8 * i));
            Require(free < (ulong)_owners.Length && _owners[free] is null, $"page {free} is free and used");
            _owners[free] = "free";
        }
    }

    private void ReadTree(ulong root, string name, bool bucketsExpected, List<BoltPair> pairs)
    {
        int leafDepth = 0;
        ReadNode(root, name, 1, ref leafDepth, bucketsExpected, pairs);
        Depth = Math.Max(Depth, leafDepth);
        for (int i = 1; i < pairs.Count; i++)
            Require(pairs[i - 1].Key.AsSpan().SequenceCompareTo(pairs[i].Key) < 0, $"key {i} of {name} is out of order");
    }

    private void ReadNode(ulong id, string name, int depth, ref int leafDepth, bool bucketsExpected, List<BoltPair> pairs)
    {
        (int flags, int count, int bytes) = Own(id, name, flags: null);
        int start = checked((int)id * Page);
        int expected = start + 16 + (16 * count);
        if (flags == Leaf)
            leafDepth = leafDepth == 0 ? depth : leafDepth;
        Require(flags == Branch || (flags == Leaf && leafDepth == depth), $"page {id} of {name}: flags {flags} at depth {depth}, leaves are at {leafDepth}");
        Require(flags == Leaf || count >= 2, $"branch {id} of {name} has {count} children");
        for (int i = 0; i < count; i++)
        {
            int element = start + 16 + (16 * i);
            int key = element + I32(flags == Leaf ? element + 4 : element);
            int keyBytes = I32(flags == Leaf ? element + 8 : element + 4);
            int valueBytes = flags == Leaf ? I32(element + 12) : 0;
            // Data stand without gaps, in the order of the elements.
            Require(key == expected && keyBytes > 0 && valueBytes >= 0, $"element {i} of page {id} of {name} is out of place");
            expected = key + keyBytes + valueBytes;
            Require(expected <= start + bytes, $"element {i} of page {id} of {name} leaves its page");
            byte[] keyText = _file[key..(key + keyBytes)];
            if (flags == Leaf)
            {
                Require(I32(element) == (bucketsExpected ? 1 : 0), $"flags of element {i} of page {id}");
                pairs.Add(new BoltPair(keyText, _file[(key + keyBytes)..expected]));
                continue;
            }
            int before = pairs.Count;
            ReadNode(U64(_file, element + 8), name, depth + 1, ref leafDepth, bucketsExpected, pairs);
            Require(pairs.Count > before && pairs[before].Key.AsSpan().SequenceEqual(keyText), $"child {i} of page {id} of {name} begins with another key");
        }
        Require(!_file.AsSpan(expected, start + bytes - expected).ContainsAnyExcept((byte)0), $"page {id} of {name} has rubbish behind its data");
        Require(expected > start + bytes - Page, $"page {id} of {name} has more overflow than it needs");
    }

    /// <summary>Marks a page and its overflow as used.</summary>
    private (int Flags, int Count, int Bytes) Own(ulong id, string owner, int? flags)
    {
        Require(id < (ulong)_owners.Length, $"page {id} of {owner} is behind the end");
        int start = (int)id * Page;
        int overflow = I32(start + 12);
        Require(U64(_file, start) == id, $"page {id} says that it is {U64(_file, start)}");
        for (ulong page = id; page <= id + (ulong)overflow; page++)
        {
            Require(page < (ulong)_owners.Length && _owners[page] is null, $"page {page} belongs to {owner} and to somebody else");
            _owners[page] = owner;
        }
        int found = BinaryPrimitives.ReadUInt16LittleEndian(_file.AsSpan(start + 8));
        Require(flags is null || found == flags, $"page {id} has flags {found}");
        return (found, BinaryPrimitives.ReadUInt16LittleEndian(_file.AsSpan(start + 10)), (overflow + 1) * Page);
    }

    private int I32(int at) => BinaryPrimitives.ReadInt32LittleEndian(_file.AsSpan(at));

    private static ulong U64(byte[] bytes, int at) => BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));

    private static void Require(bool condition, string what)
    {
        if (!condition)
            throw new InvalidDataException(what);
    }
}

/// <summary>A pair of a bbolt bucket.</summary>
public sealed record BoltPair(byte[] Key, byte[] Value);
