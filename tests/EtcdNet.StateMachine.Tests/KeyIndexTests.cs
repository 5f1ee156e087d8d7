using System.Text;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Mvcc.Index;

namespace EtcdNet.StateMachine.Tests;

/// <summary>The tree against a sorted dictionary; published roots never change.</summary>
public sealed class KeyIndexTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Counts_and_walks_are_right_at_every_revision(int seed)
    {
        Console.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var index = new KeyIndex();
        var model = new SortedDictionary<string, List<(long Revision, bool Live)>>(StringComparer.Ordinal);
        var published = new List<(IndexNode Root, long Revision, int Keys)>();
        for (long revision = 1; revision <= 6000; revision++)
        {
            Change(random, index, model, revision);
            if (random.Next(5) == 0)
            {
                published.Add((index.Root, revision, model.Count));
                index.Seal();
            }
            if (random.Next(20) == 0)
                Compare(random, index.Root, model, revision);
        }
        foreach ((IndexNode root, long revision, int keys) in published.Where(_ => random.Next(20) == 0))
        {
            var all = new Walker();
            IndexReader.Visit(root, KeyRange.All, ref all);
            Assert.Equal(keys, all.Keys.Count);
            Assert.Equal(IndexReader.Count(root, KeyRange.All, revision), all.Items.Count(item => item.IsLiveAt(revision)));
        }
    }

    [Fact]
    public void Dead_keys_go_until_nothing_is_left()
    {
        var index = new KeyIndex();
        for (int i = 0; i < 5000; i++)
            index.Insert(New($"{i:d5}", i + 1), i + 1);
        var random = new Random(4);
        int[] order = [.. Enumerable.Range(0, 5000)];
        random.Shuffle(order);
        for (int i = 0; i < order.Length; i++)
        {
            byte[] key = Encoding.ASCII.GetBytes($"{order[i]:d5}");
            KeyHistory item = index.Find(key)!;
            item.Append(new KeyVersion(5001 + i, 0, 0, 0, false));
            index.ChangeLiveness(key, -1, 5001 + i);
            index.Remove(key);
            Assert.Null(index.Find(key));
            if (i % 500 == 0)
            {
                index.Seal();
                var walker = new Walker();
                IndexReader.Visit(index.Root, KeyRange.All, ref walker);
                Assert.Equal(order[(i + 1)..].Order().Select(n => $"{n:d5}"), walker.Keys);
                Assert.Equal(4999 - i, index.Root.Live);
            }
        }
        Assert.Equal(0, index.Root.Count);
    }

    [Theory]
    [InlineData(5)]
    [InlineData(6)]
    public void Keys_are_sorted_by_bytes(int seed)
    {
        var random = new Random(seed);
        string[] parts = ["", "a", "/registry/pods/", "\0", "\0\0\0\0\0\0\0\0\0", "\u00ff\u00ff", "xxxxxxxxyyyyyyyyzzzzzzzz"];
        var keys = new HashSet<string>();
        while (keys.Count < 3000)
            keys.Add("p" + string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => parts[random.Next(parts.Length)])) + (char)random.Next(256));
        KeyHistory[] items = [.. keys.Select(key => New(key, 1))];
        KeySort.Sort(items, 0);
        Assert.Equal(keys.Order(StringComparer.Ordinal), items.Select(item => Encoding.Latin1.GetString(item.Key)));
    }

    private static void Change(
        Random random, KeyIndex index, SortedDictionary<string, List<(long Revision, bool Live)>> model, long revision)
    {
        string key = $"{random.Next(1500):d4}";
        byte[] bytes = Encoding.ASCII.GetBytes(key);
        if (!model.TryGetValue(key, out List<(long Revision, bool Live)>? life))
        {
            model[key] = [(revision, true)];
            index.Insert(New(key, revision), revision);
            return;
        }
        KeyHistory item = index.Find(bytes)!;
        bool lives = life[^1].Live;
        if (!lives && random.Next(3) == 0)
        {
            // As if compacted; only then may old revisions no longer be asked for, so the model forgets it as well.
            model.Remove(key);
            index.Remove(bytes);
            return;
        }
        KeyVersion version = lives && random.Next(2) == 0
            ? new KeyVersion(revision, 0, 0, 0, false)
            : new KeyVersion(revision, 0, lives ? item.Last.Create : revision, lives ? item.Last.Version + 1 : 1, false);
        item.Append(version);
        life.Add((revision, !version.IsTombstone));
        if (lives == version.IsTombstone)
            index.ChangeLiveness(bytes, lives ? -1 : +1, revision);
    }

    private static void Compare(
        Random random, IndexNode root, SortedDictionary<string, List<(long Revision, bool Live)>> model, long newest)
    {
        string from = $"{random.Next(1500):d4}";
        string to = $"{random.Next(1500):d4}";
        bool open = random.Next(4) == 0;
        KeyRange range = KeyRange.Of(Encoding.ASCII.GetBytes(from), open ? new byte[1] : Encoding.ASCII.GetBytes(to));
        string[] inside = [.. model.Keys.Where(key => string.CompareOrdinal(key, from) >= 0 && (open || string.CompareOrdinal(key, to) < 0))];
        var walker = new Walker();
        IndexReader.Visit(root, range, ref walker);
        Assert.Equal(inside, walker.Keys);
        foreach (long revision in new[] { newest, newest - random.Next((int)newest), newest - Math.Min(newest, random.Next(20)) })
        {
            int expected = inside.Count(key => model[key].FindLast(change => change.Revision <= revision) is { Revision: > 0, Live: true });
            Assert.Equal(expected, IndexReader.Count(root, range, revision));
        }
    }

    private static KeyHistory New(string key, long revision) =>
        new(Encoding.Latin1.GetBytes(key), new KeyVersion(revision, 0, revision, 1, false));

    private readonly struct Walker() : IKeyVisitor
    {
        public List<KeyHistory> Items { get; } = [];

        public List<string> Keys => Items.ConvertAll(item => Encoding.Latin1.GetString(item.Key));

        public bool Visit(KeyHistory item)
        {
            Items.Add(item);
            return true;
        }
    }
}
