using EtcdNet.Testing;

namespace EtcdNet.Raft.Tests.Parts;

/// <summary>The unstable end of the log against a plain list, and slices that never change once handed out.</summary>
public sealed class UnstableLogTests
{
    [Fact]
    public void It_behaves_like_a_list_and_slices_stay_as_they_were()
    {
        var seed = TestSeed.Next();
        var random = new Random(seed);
        for (var round = 0; round < 300; round++)
        {
            var log = new UnstableLog(5, new RaftTrace(null));
            var model = new List<Entry>();
            var offset = 5ul;
            var foreign = new List<Entry[]>();
            var handedOut = new List<(EntrySlice Slice, Entry[] Copy)>();
            for (var step = 0; step < 200; step++)
            {
                switch (random.Next(4))
                {
                    case 0 or 1:
                        Append(random, log, model, foreign, ref offset, (ulong)step + 1);
                        break;
                    case 2 when model.Count > 0:
                        var stable = random.Next(model.Count);
                        log.StableTo(model[stable].Id);
                        model.RemoveRange(0, stable + 1);
                        offset += (ulong)stable + 1;
                        break;
                    default:
                        var slice = log.NextEntries();
                        handedOut.Add((slice, slice.Span.ToArray()));
                        log.AcceptInProgress();
                        break;
                }

                Assert.True(offset == log.Offset && model.Count == log.Count, $"seed {seed}");
                Assert.Equal(model, log.Slice(offset, offset + (ulong)model.Count));
                Assert.InRange(log.OffsetInProgress, log.Offset, log.Offset + (ulong)log.Count);
            }

            Assert.All(foreign, f => Assert.All(f[..5].Concat(f[^5..]), e => Assert.Equal(default, e)));
            Assert.All(handedOut, h => Assert.Equal(h.Copy, h.Slice.Span.ToArray()));
        }
    }

    [Fact]
    public void A_confirmation_of_another_term_is_ignored()
    {
        var log = new UnstableLog(1, new RaftTrace(null));
        log.TruncateAndAppend(EntrySlice.From([new Entry(EntryType.Normal, 2, 1, default)]));
        log.StableTo(new EntryId(1, 1));
        log.StableTo(new EntryId(2, 9));
        Assert.Equal(1, log.Count);
        log.StableTo(new EntryId(2, 1));
        Assert.Equal(0, log.Count);
    }

    [Fact]
    public void A_gap_is_refused()
    {
        var log = new UnstableLog(1, new RaftTrace(null));
        Assert.Throws<RaftInvariantException>(() => log.TruncateAndAppend(EntrySlice.From([new Entry(EntryType.Normal, 1, 3, default)])));
    }

    private static void Append(Random random, UnstableLog log, List<Entry> model, List<Entry[]> foreign, ref ulong offset, ulong term)
    {
        var last = offset + (ulong)model.Count;
        var from = random.Next(4) == 0 && last > 6 ? last - (ulong)random.Next(5) : last;
        var entries = Enumerable.Range(0, 1 + random.Next(30)).Select(i => new Entry(EntryType.Normal, term, from + (ulong)i, default)).ToArray();
        if (random.Next(2) == 0)
        {
            // A part of a larger array, whose other slots belong to somebody else.
            var shared = new Entry[entries.Length + 10];
            entries.CopyTo(shared, 5);
            log.TruncateAndAppend(new EntrySlice(shared, 5, entries.Length));
            foreign.Add(shared);
        }
        else
        {
            log.TruncateAndAppend(EntrySlice.From(entries));
        }

        offset = Math.Min(offset, from);
        var keep = (int)(from - offset);
        model.RemoveRange(keep, model.Count - keep);
        model.AddRange(entries);
    }
}
