using System.Text;
using EtcdNet.Storage.Bolt;
using EtcdNet.Testing;
using EtcdNet.Testing.Bolt;
using Xunit.Abstractions;
using BoltPair = EtcdNet.Storage.Bolt.BoltPair;

namespace EtcdNet.Storage.Tests.Bolt;

/// <summary>The files of the writer, looked through page by page by <see cref="BoltReader"/>.</summary>
public sealed class BoltFileTests(ITestOutputHelper output)
{
    [Fact]
    public void Empty_buckets_are_empty_leaves()
    {
        BoltReader read = BoltReader.Read(Make(new BoltBucket("b", []), new BoltBucket("a", [])));
        Assert.Equal(["a", "b"], read.Buckets.Keys);
        Assert.All(read.Buckets.Values, Assert.Empty);
    }

    [Fact]
    public void Random_buckets_of_all_sizes()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        int deepest = 0;
        for (int round = 0; round < 50; round++)
        {
            BoltBucket[] buckets = [.. Enumerable.Range(0, random.Next(1, 6)).Select(i => new BoltBucket($"bucket{i}", RandomPairs(random)))];
            BoltReader read = BoltReader.Read(Make(buckets, random.Next(1, 100_000)));
            foreach (BoltBucket bucket in buckets)
                AssertSame(bucket.Pairs, read.Buckets[bucket.Name]);
            deepest = Math.Max(deepest, read.Depth);
        }
        Assert.InRange(deepest, 3, 12);
    }

    [Theory]
    [InlineData(4096 - 16 - 16 - 8, 0)] // fills a page exactly
    [InlineData(4096 - 16 - 16 - 7, 1)]
    [InlineData(1_500_000, 366)]
    [InlineData(4096 * 3, 3)]
    public void A_large_value_goes_on_in_the_pages_behind(int bytes, int overflow)
    {
        BoltPair[] pairs = [Pair("00000001", 10), Pair("00000002", bytes), Pair("00000003", 10)];
        byte[] file = Make(new BoltBucket("large", pairs));
        AssertSame(pairs, BoltReader.Read(file).Buckets["large"]);
        // meta 2, freelist, three leaves, a branch, the root
        Assert.Equal(8 + overflow, file.Length / 4096);
    }

    [Fact]
    public void Keys_longer_than_a_page_make_a_tree_all_the_same()
    {
        BoltPair[] pairs = [.. Enumerable.Range(0, 50).Select(static i => new BoltPair(Encoding.ASCII.GetBytes($"{i:d3}{new string('k', 30_000)}"), new byte[i]))];
        BoltReader read = BoltReader.Read(Make(new BoltBucket("long", pairs)));
        AssertSame(pairs, read.Buckets["long"]);
        Assert.InRange(read.Depth, 2, 8);
    }

    [Fact]
    public void Every_number_of_small_pairs()
    {
        BoltPair[] all = [.. Enumerable.Range(0, 3000).Select(static i => Pair($"{i:d8}", 700))];
        for (int count = 0; count < all.Length; count = count < 600 ? count + 1 : count + 97)
            AssertSame(all.Take(count), BoltReader.Read(Make(new BoltBucket("small", all.Take(count)))).Buckets["small"]);
    }

    [Fact]
    public void What_cannot_be_stored_is_refused()
    {
        Assert.Throws<InvalidOperationException>(static () => Make(new BoltBucket("x", [Pair("b", 1), Pair("a", 1)])));
        Assert.Throws<InvalidOperationException>(static () => Make(new BoltBucket("x", [Pair("a", 1), Pair("a", 1)])));
        Assert.Throws<InvalidOperationException>(static () => Make(new BoltBucket("x", [Pair("", 1)])));
        Assert.Throws<InvalidOperationException>(static () => Make(new BoltBucket("x", [Pair(new string('k', 32_769), 1)])));
        Assert.NotEmpty(Make(new BoltBucket("x", [Pair(new string('k', 32_768), 1)])));
    }

    [Theory]
    [InlineData(100, 101)]
    [InlineData(101, 100)]
    [InlineData(1, 100_000)]
    public void A_bucket_that_is_not_the_same_twice_is_noticed(int first, int second)
    {
        int passes = 0;
        IEnumerable<BoltPair> Pairs()
        {
            int count = passes++ == 0 ? first : second;
            for (int i = 0; i < count; i++)
                yield return Pair($"{i:d8}", 1000);
        }

        Assert.Throws<InvalidOperationException>(() => Make(new BoltBucket("x", Pairs())));
        Assert.Equal(2, passes);
    }

    [Fact]
    public void The_reader_sees_what_is_wrong()
    {
        byte[] right = Make(new BoltBucket("a", Enumerable.Range(0, 2000).Select(static i => Pair($"{i:d8}", 20))));
        BoltReader.Read(right);
        // In numbers: meta, its checksum, freelist, a leaf's header and elements, and the same of every fifth page.
        int[] places = [16, 40, 72, (2 * 4096) + 8, .. Enumerable.Range(3, (right.Length / 4096) - 3).Where(static page => page % 5 == 3).SelectMany(static page => new[] { 0, 8, 10, 12, 20, 24 }.Select(at => (page * 4096) + at))];
        foreach (int place in places)
        {
            byte[] wrong = [.. right];
            wrong[place] ^= 1;
            Assert.Throws<InvalidDataException>(() => BoltReader.Read(wrong));
        }
    }

    private static byte[] Make(params BoltBucket[] buckets) => Make(buckets, 32_768);

    private static byte[] Make(BoltBucket[] buckets, int slice)
    {
        using var file = new BoltFile(buckets);
        while (file.MeasureNext(slice))
        {
        }
        var bytes = new MemoryStream();
        while (file.WriteNext(slice) is { IsEmpty: false } piece)
            bytes.Write(piece.Span);
        Assert.Equal(file.Size, bytes.Length);
        Assert.True(file.WriteNext(slice).IsEmpty);
        return bytes.ToArray();
    }

    private static BoltPair Pair(string key, int valueBytes)
    {
        byte[] value = new byte[valueBytes];
        value.AsSpan().Fill((byte)(key.Length == 0 ? 0 : key[^1]));
        return new BoltPair(Encoding.ASCII.GetBytes(key), value);
    }

    private static BoltPair[] RandomPairs(Random random)
    {
        int count = random.Next(4) switch { 0 => random.Next(3), 1 => random.Next(100), 2 => random.Next(3000), _ => random.Next(400) };
        int keyBytesMax = random.Next(5) == 0 ? 3000 : random.Next(1, 40);
        int valueBytesMax = random.Next(4) switch { 0 => 0, 1 => 100, 2 => 5000, _ => 1000 };
        var pairs = new SortedDictionary<string, BoltPair>(StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            byte[] key = new byte[random.Next(1, keyBytesMax + 1)];
            byte[] value = new byte[random.Next(200) == 0 ? random.Next(60_000) : random.Next(valueBytesMax + 1)];
            random.NextBytes(key);
            random.NextBytes(value);
            pairs[Convert.ToHexString(key)] = new BoltPair(key, value);
        }
        return [.. pairs.Values];
    }

    private static void AssertSame(IEnumerable<BoltPair> expected, EtcdNet.Testing.Bolt.BoltPair[] read)
    {
        int i = 0;
        foreach (BoltPair pair in expected)
        {
            Assert.True(i < read.Length && pair.Key.Span.SequenceEqual(read[i].Key) && pair.Value.Span.SequenceEqual(read[i].Value), $"pair {i}");
            i++;
        }
        Assert.Equal(i, read.Length);
    }
}
