using EtcdNet.Raft;

namespace EtcdNet.Peer.Tests.Wire;

/// <summary>Messages with every field filled or not.</summary>
internal static class RandomMessages
{
    public static Message Next(Random random) => new()
    {
        Type = (MessageType)random.Next(24), To = Number(random), From = Number(random), Term = Number(random), LogTerm = Number(random),
        Index = Number(random), Commit = Number(random), Reject = random.Next(2) == 0, RejectHint = Number(random),
        Entries = [.. Enumerable.Range(0, random.Next(4)).Select(_ => NextEntry(random))],
        Context = Bytes(random), Snapshot = random.Next(3) == 0 ? NextSnapshot(random) : null,
    };

    /// <summary>An append that follows <paramref name="last"/>, or not.</summary>
    public static Message NextAppend(Random random, ref EntryId last)
    {
        var follows = random.Next(4) > 0 && last.Term > 0;
        var (term, logTerm, index) = follows ? (last.Term, last.Term, last.Index)
            : (last.Term + (ulong)random.Next(1, 3), last.Term, (ulong)random.Next(0, 1000));
        var entries = Enumerable.Range(1, random.Next(5)).Select(i => new Entry((EntryType)random.Next(3), term, index + (ulong)i, Bytes(random))).ToArray();
        last = new EntryId(term, index + (ulong)entries.Length);
        return new Message
        {
            Type = MessageType.App, From = 7, To = 9, Term = term, LogTerm = logTerm, Index = index, Entries = entries, Commit = Number(random),
        };
    }

    public static void AssertSame(Message expected, Message actual, string where)
    {
        Assert.True(Describe.Message(expected) == Describe.Message(actual), $"{where}: {expected} and {actual}");
        Assert.Equal((expected.Type, expected.To, expected.From, expected.RejectHint), (actual.Type, actual.To, actual.From, actual.RejectHint));
        Assert.True(expected.Context.Span.SequenceEqual(actual.Context.Span), where);
        Assert.Equal(expected.Entries.Select(e => Convert.ToHexString(e.Data.Span)), actual.Entries.Select(e => Convert.ToHexString(e.Data.Span)));
        Assert.Equal(expected.Snapshot is null, actual.Snapshot is null);
        if (expected.Snapshot is { } snapshot)
        {
            Assert.Equal(snapshot.Metadata, actual.Snapshot!.Metadata);
            Assert.True(snapshot.Data.Span.SequenceEqual(actual.Snapshot.Data.Span), where);
        }
    }

    private static Entry NextEntry(Random random) => new((EntryType)random.Next(3), Number(random), Number(random), Bytes(random));

    private static Snapshot NextSnapshot(Random random) => new(
        new SnapshotMetadata(
            new ConfState { Voters = Ids(random), Learners = Ids(random), VotersOutgoing = Ids(random), LearnersNext = Ids(random), AutoLeave = random.Next(2) == 0 },
            1 + (Number(random) >> 1), Number(random)),
        Bytes(random));

    private static ulong[] Ids(Random random) => [.. Enumerable.Range(0, random.Next(4)).Select(_ => Number(random))];

    private static byte[] Bytes(Random random)
    {
        var bytes = new byte[random.Next(3) == 0 ? 0 : random.Next(400)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static ulong Number(Random random) => (ulong)random.NextInt64() >> random.Next(63);
}
