using System.Globalization;
using System.Text;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Runs the commands of an interaction trace on a group of nodes without time and threads.</summary>
internal sealed partial class InteractionTrace : ITrace
{
    private readonly List<TraceNode> _nodes = [];
    private readonly TraceOutput _output = new();
    private readonly Dictionary<string, Action<TraceBlock>> _commands;
    private List<Message> _network = [];

    public InteractionTrace() => _commands = new Dictionary<string, Action<TraceBlock>>
    {
        ["_breakpoint"] = _ => { },
        ["add-nodes"] = AddNodes,
        ["campaign"] = b => First(b).Raft.Campaign(),
        ["compact"] = Compact,
        ["deliver-msgs"] = DeliverMessages,
        ["forget-leader"] = b => First(b).Raft.ForgetLeader(),
        ["log-level"] = b => _output.SetLevel(b.Arguments[0].Key),
        ["process-append-thread"] = b => ForEach(b, "processing append thread", ProcessAppendThread),
        ["process-apply-thread"] = b => ForEach(b, "processing apply thread", ProcessApplyThread),
        ["process-ready"] = b => ForEach(b, "handling Ready", ProcessReady),
        ["propose"] = b => Propose(First(b), b),
        ["propose-conf-change"] = ProposeConfChange,
        ["raft-log"] = b => PrintLog(First(b)),
        ["raft-state"] = _ => PrintState(),
        ["read-index"] = b => First(b).Raft.ReadIndex(Encoding.UTF8.GetBytes(b.Arguments[1].Key)),
        ["report-gone"] = b => First(b).Raft.ReportGone(b.Arguments[1].Id),
        ["report-snapshot"] = b => First(b).Raft.ReportSnapshot(b.Arguments[1].Id, b.Find("ok")!.Flag),
        ["report-unreachable"] = b => First(b).Raft.ReportUnreachable(b.Arguments[1].Id),
        ["send-snapshot"] = SendSnapshot,
        ["set-randomized-election-timeout"] = b =>
            First(b).Raft.SetRandomizedElectionTimeout(int.Parse(b.Find("timeout")!.Value, CultureInfo.InvariantCulture)),
        ["stabilize"] = Stabilize,
        ["status"] = b => PrintStatus(First(b)),
        ["tick-election"] = b => Tick(First(b), First(b).Options.ElectionTick),
        ["tick-heartbeat"] = b => Tick(First(b), First(b).Options.HeartbeatTick),
        ["transfer-leadership"] = b => Node(b.Find("from")!.Ids.Single()).Raft.TransferLeader(b.Find("to")!.Ids.Single()),
    };

    public string Run(TraceBlock block)
    {
        if (!_commands.TryGetValue(block.Command, out var command))
            return "unknown command\n";
        string? error = null;
        try
        {
            command(block);
        }
        catch (TraceErrorException e)
        {
            error = e.Message;
        }

        var text = _output.Take() + (error is null ? "" : error + "\n");
        return text.Length == 0 ? "ok\n" : text;
    }

    private TraceNode Node(ulong id) => _nodes[(int)id - 1];

    private TraceNode First(TraceBlock block) => Node(block.Arguments[0].Id);

    private List<TraceNode> Nodes(TraceBlock block)
    {
        var chosen = block.Positional.Select(a => Node(a.Id)).ToList();
        return chosen.Count > 0 ? chosen : _nodes;
    }

    private void ForEach(TraceBlock block, string what, Action<TraceNode> process)
    {
        var nodes = block.Positional.Select(a => Node(a.Id)).ToList();
        foreach (var node in nodes)
        {
            if (nodes.Count == 1)
                process(node);
            else
                Announced(node, what, () => process(node));
        }
    }

    private void Announced(TraceNode node, string what, Action process)
    {
        _output.Print($"> {node.Raft.Id} {what}");
        _output.Indented(process);
    }

    private void ProcessReady(TraceNode node) => _network.AddRange(node.ProcessReady());

    private void ProcessAppendThread(TraceNode node) => _network.AddRange(node.ProcessAppendThread());

    private void ProcessApplyThread(TraceNode node) => _network.AddRange(node.ProcessApplyThread());

    private static void Tick(TraceNode node, int ticks)
    {
        for (var i = 0; i < ticks; i++)
            node.Raft.Tick();
    }

    private static void Propose(TraceNode node, TraceBlock block)
    {
        Assert.True(block.Arguments is [_, { Values.Count: 0 }], $"line {block.Line}: expected exactly one key with no values");
        Accepted(node.Raft.Propose([Encoding.UTF8.GetBytes(block.Arguments[1].Key)]));
    }

    private static void ProposeConfChange(TraceBlock block, TraceNode node)
    {
        if (block.Arguments.FirstOrDefault(a => a.Values.Count > 0 && a.Key is not ("v1" or "transition")) is { } stranger)
            throw new TraceErrorException($"unknown command {stranger.Key}");
        var changes = ConfChanges.Parse(block.Input);
        var transition = block.Find("transition")?.Value switch
        {
            null or "auto" => ConfChangeTransition.Auto,
            "implicit" => ConfChangeTransition.JointImplicit,
            "explicit" => ConfChangeTransition.JointExplicit,
            var other => throw new TraceErrorException($"unknown transition {other}"),
        };
        if (block.Find("v1") is { Flag: true })
        {
            if (changes.Count > 1 || transition != ConfChangeTransition.Auto)
                throw new TraceErrorException("v1 conf change can only have one operation and no transition");
            Accepted(node.Raft.ProposeConfChange(new ConfChange { Type = changes[0].Type, NodeId = changes[0].NodeId }));
        }
        else
        {
            Accepted(node.Raft.ProposeConfChange(new ConfChangeV2 { Transition = transition, Changes = changes }));
        }
    }

    private void ProposeConfChange(TraceBlock block) => ProposeConfChange(block, First(block));

    private static void Accepted(ProposeResult result)
    {
        if (result != ProposeResult.Accepted)
            throw new TraceErrorException(Describe.ProposalDropped);
    }

    private void Compact(TraceBlock block)
    {
        var (storage, index) = (First(block).Storage, block.Arguments[1].Id);
        if (index < storage.FirstIndex)
            throw new TraceErrorException(new LogCompactedException().Message);
        storage.Compact(index);
        PrintLog(First(block));
    }

    /// <summary><c>send-snapshot 1 3</c>: from, to.</summary>
    private void SendSnapshot(TraceBlock block)
    {
        Assert.Equal(2, block.Positional.Count());
        var node = First(block);
        var message = new Message
        {
            Type = MessageType.Snap, Term = node.Raft.Term, From = node.Raft.Id, To = block.Arguments[1].Id,
            Snapshot = node.Storage.Snapshot(),
        };
        _network.Add(message);
        _output.Print(Describe.Message(message));
    }

    private void PrintLog(TraceNode node)
    {
        var (first, last) = (node.Storage.FirstIndex, node.Storage.LastIndex);
        _output.Print(last < first
            ? $"log is empty: first index={first}, last index={last}"
            : Describe.Entries(node.Storage.Entries(first, last + 1, ulong.MaxValue)));
    }

    private void PrintState()
    {
        foreach (var node in _nodes)
        {
            var status = node.Raft.Status;
            var votes = status.Config.Voters.Contains(status.Id) || status.Config.VotersOutgoing.Contains(status.Id);
            _output.Print($"{status.Id}: {Describe.Role(status.Role)} {(votes ? "(Voter)" : "(Non-Voter)")} Term:{status.Term} Lead:{status.Lead}");
        }
    }

    private void PrintStatus(TraceNode node)
    {
        foreach (var progress in node.Raft.Status.Progress)
            _output.Print($"{progress.Id}: {Describe.Progress(progress)}");
    }
}
