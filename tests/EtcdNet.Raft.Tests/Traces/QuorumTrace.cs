using System.Globalization;
using System.Text;
using EtcdNet.Raft.Quorum;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Evaluates votes and commit indexes on given quorums.</summary>
internal sealed class QuorumTrace : ITrace
{
    public string Run(TraceBlock block)
    {
        Assert.All(block.Arguments, a => Assert.Contains(a.Key, (string[])["cfg", "cfgj", "idx", "votes"]));
        var ids = Ids(block, "cfg");
        var joint = block.Find("cfgj") is not null;
        var quorum = new JointQuorum(new MajorityQuorum(ids), new MajorityQuorum(Ids(block, "cfgj")));
        var input = block.Find(block.Command == "vote" ? "votes" : "idx")?.Values ?? [];
        if (input.Count != quorum.Ids.Length)
            return $"error: mismatched input (explicit or _) for voters [{string.Join(' ', quorum.Ids)}]: [{string.Join(' ', input)}]\n";
        var given = Given([.. ids, .. Ids(block, "cfgj")], input);
        return block.Command switch
        {
            "vote" => Vote(quorum, joint, given),
            "committed" => Committed(quorum, joint, given),
            _ => "unknown command\n",
        };
    }

    private static ulong[] Ids(TraceBlock block, string key) =>
        block.Find(key) is { } argument && argument.Values is not ["zero"] ? argument.Ids.ToArray() : [];

    /// <summary>Inputs belong to the voters in the order they are named; <c>_</c> is none.</summary>
    private static Dictionary<ulong, string> Given(ulong[] ids, IReadOnlyList<string> input) =>
        ids.Distinct().Zip(input).Where(p => p.Second != "_").ToDictionary(p => p.First, p => p.Second);

    private static string Vote(JointQuorum quorum, bool joint, Dictionary<ulong, string> given)
    {
        var votes = given.ToDictionary(p => p.Key, p => p.Value switch
        {
            "y" => true,
            "n" => false,
            var other => throw new InvalidDataException($"unknown vote: {other}"),
        });
        var result = quorum.Vote(votes);
        if (!joint)
            Assert.Equal(quorum.Incoming.Vote(votes), result);
        Assert.Equal(result, new JointQuorum(quorum.Outgoing, quorum.Incoming).Vote(votes));
        return $"Vote{result}\n";
    }

    private static string Committed(JointQuorum quorum, bool joint, Dictionary<ulong, string> given)
    {
        var acknowledged = new Acknowledged(given.ToDictionary(p => p.Key, p => ulong.Parse(p.Value, CultureInfo.InvariantCulture)));
        var index = quorum.Committed(acknowledged);
        Assert.Equal(index, new JointQuorum(quorum.Outgoing, quorum.Incoming).Committed(acknowledged));
        if (!joint)
            Assert.Equal(index, new JointQuorum(quorum.Incoming, quorum.Incoming).Committed(acknowledged));
        return Chart(quorum.Ids, acknowledged) + (index == ulong.MaxValue ? "∞" : $"{index}") + "\n";
    }

    /// <summary>A bar per voter: the more voters are behind it, the longer.</summary>
    private static string Chart(ulong[] ids, Acknowledged acknowledged)
    {
        if (ids.Length == 0)
            return "<empty majority quorum>";
        var n = ids.Length;
        var indexes = ids.Select(id => acknowledged.TryGet(id, out var index) ? index : 0).ToArray();
        var text = new StringBuilder($"{new string(' ', n)}    idx\n");
        for (var i = 0; i < n; i++)
        {
            var bar = indexes.Count(other => other < indexes[i]);
            text.Append(acknowledged.TryGet(ids[i], out _) ? $"{new string('x', bar)}>{new string(' ', n - bar)}" : $"?{new string(' ', n)}");
            text.Append(CultureInfo.InvariantCulture, $" {indexes[i],5}    (id={ids[i]:x})\n");
        }

        return text.ToString();
    }

    private sealed class Acknowledged(Dictionary<ulong, ulong> indexes) : IAcknowledged
    {
        public bool TryGet(ulong id, out ulong index) => indexes.TryGetValue(id, out index);
    }
}
