namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Moving messages, and letting everything settle.</summary>
internal sealed partial class InteractionTrace
{
    /// <summary><c>deliver-msgs 1 2 drop=(3) type=MsgApp</c>.</summary>
    private void DeliverMessages(TraceBlock block)
    {
        var type = block.Find("type")?.Value;
        Assert.True(type is null || Enum.GetValues<MessageType>().Any(t => Describe.Type(t) == type), $"line {block.Line}: unknown message type {type}");
        var delivered = 0;
        foreach (var receiver in block.Positional)
            delivered += Deliver(receiver.Id, type, drop: false);
        foreach (var receiver in block.Find("drop")?.Ids ?? [])
        {
            Assert.False(block.Positional.Any(a => a.Id == receiver), $"line {block.Line}: can't both deliver and drop msgs to {receiver}");
            delivered += Deliver(receiver, type, drop: true);
        }

        if (delivered == 0)
            _output.Print("no messages");
    }

    private int Deliver(ulong to, string? type, bool drop)
    {
        // What a member says to itself is not on the network and cannot be lost there.
        bool Takes(Message m) => m.To == to && (type is null || Describe.Type(m.Type) == type) && !(drop && (m.From == m.To || LocalThreads.Contains(m.From)));
        var taken = _network.Where(Takes).ToList();
        _network = [.. _network.Where(m => !Takes(m))];
        foreach (var message in taken)
        {
            _output.Print($"{(drop ? "dropped: " : "")}{Describe.Message(message)}");
            if (!drop)
                Step(message);
        }

        return taken.Count;
    }

    private void Step(Message message)
    {
        switch (Node(message.To).Raft.Step(message))
        {
            case StepResult.PeerNotFound:
                _output.Print("raft: cannot step as peer not found");
                break;
            case StepResult.ProposalDropped:
                _output.Print(Describe.ProposalDropped);
                break;
            case StepResult.LocalMessageRefused:
                _output.Print("raft: cannot step raft local message");
                break;
            case StepResult.Malformed:
                Assert.Fail($"refused {message}");
                break;
        }
    }

    /// <summary><c>stabilize 1 2 log-level=none</c>: until nobody has anything left to do.</summary>
    private void Stabilize(TraceBlock block)
    {
        var (level, quiet) = (_output.Level, _output.IsQuiet);
        if (block.Find("log-level") is { } chosen)
            _output.SetLevel(chosen.Value);
        var nodes = Nodes(block);
        while (StabilizeOnce(nodes))
        {
            // Every round does some of the work.
        }

        (_output.Level, _output.IsQuiet) = (level, quiet);
    }

    private bool StabilizeOnce(List<TraceNode> nodes)
    {
        var worked = false;
        foreach (var node in nodes.Where(n => n.Raft.HasReady))
        {
            worked = true;
            Announced(node, "handling Ready", () => ProcessReady(node));
        }

        foreach (var node in nodes.Where(n => _network.Exists(m => m.To == n.Raft.Id)))
        {
            worked = true;
            Announced(node, "receiving messages", () => Deliver(node.Raft.Id, null, drop: false));
        }

        foreach (var node in nodes.Where(n => n.AppendWork.Count > 0))
        {
            worked = true;
            Announced(node, "processing append thread", () => Drain(node.AppendWork, () => ProcessAppendThread(node)));
        }

        foreach (var node in nodes.Where(n => n.ApplyWork.Count > 0))
        {
            worked = true;
            Announced(node, "processing apply thread", () => Drain(node.ApplyWork, () => ProcessApplyThread(node)));
        }

        return worked;
    }

    private static void Drain(Queue<Message> work, Action process)
    {
        while (work.Count > 0)
            process();
    }
}
