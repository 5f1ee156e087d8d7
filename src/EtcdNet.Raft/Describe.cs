using System.Text;
using EtcdNet.Raft.Tracking;

namespace EtcdNet.Raft;

/// <summary>Texts for logs and traces, in the words of etcd so that traces can be compared.</summary>
public static class Describe
{
    /// <summary>What a caller is told when a proposal is dropped.</summary>
    public const string ProposalDropped = "raft proposal dropped";

    /// <summary>How the payload of a normal entry is shown.</summary>
    public delegate string EntryFormatter(ReadOnlyMemory<byte> data);

    /// <summary><c>MsgApp</c>.</summary>
    public static string Type(MessageType type) => $"Msg{type}";

    /// <summary><c>StateLeader</c>.</summary>
    public static string Role(RaftRole role) => $"State{role}";

    /// <summary>A member id in hex, or the name of a local worker.</summary>
    public static string Target(ulong id) => id switch
    {
        0 => "None",
        LocalThreads.Append => "AppendThread",
        LocalThreads.Apply => "ApplyThread",
        _ => $"{id:x}",
    };

    /// <summary><c>Term:1 Vote:2 Commit:3</c>.</summary>
    public static string HardState(HardState state) =>
        $"Term:{state.Term}{(state.Vote != 0 ? $" Vote:{state.Vote}" : "")} Commit:{state.Commit}";

    /// <summary><c>Lead:1 State:StateLeader</c>.</summary>
    public static string SoftState(SoftState state) => $"Lead:{state.Leader} State:{Role(state.Role)}";

    /// <summary><c>Voters:[1 2] VotersOutgoing:[] …</c>.</summary>
    public static string ConfState(ConfState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return $"Voters:{Ids(state.Voters)} VotersOutgoing:{Ids(state.VotersOutgoing)} Learners:{Ids(state.Learners)} "
            + $"LearnersNext:{Ids(state.LearnersNext)} AutoLeave:{Bool(state.AutoLeave)}";
    }

    /// <summary><c>Index:4 Term:1 ConfState:…</c>.</summary>
    public static string Snapshot(Snapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        var metadata = snapshot.Metadata;
        return $"Index:{metadata.Index} Term:{metadata.Term} ConfState:{ConfState(metadata.ConfState)}";
    }

    /// <summary><c>1/4 EntryNormal "foo"</c>.</summary>
    public static string Entry(in Entry entry, EntryFormatter? formatter = null)
    {
        var payload = entry.Type == EntryType.Normal ? (formatter ?? Quoted)(entry.Data) : Changes(entry);
        return $"{entry.Term}/{entry.Index} Entry{entry.Type}{(payload.Length > 0 ? " " : "")}{payload}";
    }

    /// <summary><c>v1 l2 r3 u4</c>: voter, learner, remove, update.</summary>
    public static string Changes(IReadOnlyList<ConfChangeSingle> changes)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var parts = new string[changes.Count];
        for (var i = 0; i < parts.Length; i++)
            parts[i] = $"{Letter(changes[i].Type)}{changes[i].NodeId}";
        return string.Join(' ', parts);
    }

    /// <summary>The changes of an entry; the bare bytes if they are none, since describing a message must never fail.</summary>
    private static string Changes(in Entry entry)
    {
        try
        {
            return ConfChangeCodec.DecodeEntry(entry) is { } change ? Changes(change.Changes) : Quoted(entry.Data);
        }
        catch (FormatException)
        {
            return Quoted(entry.Data);
        }
    }

    /// <summary>The change in an entry as protobuf text.</summary>
    public static string ConfChange(in Entry entry)
    {
        if (entry.Type == EntryType.ConfChange)
        {
            var single = ConfChangeCodec.Decode(entry.Data);
            return $"id:{single.Id} type:ConfChange{single.Type} node_id:{single.NodeId}{Context(single.Context)}";
        }

        var change = ConfChangeCodec.DecodeV2(entry.Data);
        var text = new StringBuilder($"transition:ConfChangeTransition{change.Transition}");
        foreach (var single in change.Changes)
            text.Append($" changes:{{type:ConfChange{single.Type} node_id:{single.NodeId}}}");
        return text.Append(Context(change.Context)).ToString();
    }

    /// <summary>A message and, indented, the answers it carries.</summary>
    public static string Message(Message message, EntryFormatter? formatter = null)
    {
        ArgumentNullException.ThrowIfNull(message);
        var text = new StringBuilder();
        Message(text, "", message, formatter);
        return text.ToString();
    }

    /// <summary>A whole <see cref="Raft.Ready"/>, several lines, ending with a line break when not empty.</summary>
    public static string Ready(Ready ready, EntryFormatter? formatter = null)
    {
        ArgumentNullException.ThrowIfNull(ready);
        var text = new StringBuilder();
        if (ready.SoftState is { } soft)
            Line(text, SoftState(soft));
        if (ready.HardState is { } hard)
            Line(text, $"HardState {HardState(hard)}");
        if (ready.ReadStates.Count > 0)
            Line(text, $"ReadStates [{string.Join(' ', ready.ReadStates.Select(r => $"{{{r.Index} {Quoted(r.Context)}}}"))}]");
        if (ready.Entries.Count > 0)
            Line(text, $"Entries:\n{Entries(ready.Entries, formatter)}");
        if (ready.Snapshot is { } snapshot)
            Line(text, $"Snapshot {Snapshot(snapshot)}");
        if (ready.CommittedEntries.Count > 0)
            Line(text, $"CommittedEntries:\n{Entries(ready.CommittedEntries, formatter)}");
        if (ready.Messages.Count > 0)
            Line(text, $"Messages:\n{string.Join('\n', ready.Messages.Select(m => Message(m, formatter)))}");
        return text.Length == 0 ? "<empty Ready>" : $"Ready MustSync={Bool(ready.MustSync)}:\n{text}";
    }

    /// <summary>One entry a line.</summary>
    public static string Entries(IReadOnlyList<Entry> entries, EntryFormatter? formatter = null) =>
        string.Join('\n', entries.Select(e => Entry(e, formatter)));

    /// <summary><c>StateProbe match=0 next=1 paused inactive</c>.</summary>
    public static string Progress(ProgressStatus progress)
    {
        var text = new StringBuilder($"State{progress.State} match={progress.Match} next={progress.Next}");
        if (progress.IsLearner)
            text.Append(" learner");
        if (progress.IsPaused)
            text.Append(" paused");
        if (progress.PendingSnapshot > 0)
            text.Append($" pendingSnap={progress.PendingSnapshot}");
        if (!progress.IsActive)
            text.Append(" inactive");
        if (progress.Inflight > 0)
            text.Append($" inflight={progress.Inflight}{(progress.IsInflightFull ? "[full]" : "")}");
        return text.ToString();
    }

    internal static string Log(RaftLog log) =>
        $"committed={log.Committed}, applied={log.Applied}, applying={log.Applying}, unstable.offset={log.Unstable.Offset}, "
        + $"unstable.offsetInProgress={log.Unstable.OffsetInProgress}, len(unstable.Entries)={log.Unstable.Count}";

    private static void Message(StringBuilder text, string indent, Message m, EntryFormatter? formatter)
    {
        text.Append($"{indent}{Target(m.From)}->{Target(m.To)} {Type(m.Type)} Term:{m.Term} Log:{m.LogTerm}/{m.Index}");
        if (m.Reject)
            text.Append($" Rejected (Hint: {m.RejectHint})");
        if (m.Commit != 0)
            text.Append($" Commit:{m.Commit}");
        if (m.Vote != 0)
            text.Append($" Vote:{m.Vote}");
        if (m.Entries.Count == 1)
            text.Append($" Entries:[{Entry(m.Entries[0], formatter)}]");
        else if (m.Entries.Count > 1)
            text.Append($" Entries:[\n{string.Join('\n', m.Entries.Select(e => $"{indent}  {Entry(e, formatter)}"))}\n{indent}]");
        if (m.Snapshot is { IsEmpty: false } snapshot)
            text.Append($"\n{indent}  Snapshot: {Snapshot(snapshot)}");
        if (m.Responses.Count == 0)
            return;
        text.Append(" Responses:[");
        foreach (var response in m.Responses)
        {
            text.Append('\n');
            Message(text, indent + "  ", response, formatter);
        }

        text.Append($"\n{indent}]");
    }

    private static void Line(StringBuilder text, string line) => text.Append(line).Append('\n');

    private static string Ids(IReadOnlyList<ulong> ids) => $"[{string.Join(' ', ids)}]";

    private static string Bool(bool value) => value ? "true" : "false";

    private static string Context(ReadOnlyMemory<byte> context) => context.IsEmpty ? "" : $" context:{Quoted(context)}";

    private static char Letter(ConfChangeType type) => type switch
    {
        ConfChangeType.AddNode => 'v',
        ConfChangeType.AddLearnerNode => 'l',
        ConfChangeType.RemoveNode => 'r',
        ConfChangeType.UpdateNode => 'u',
        _ => '?',
    };

    private static string Quoted(ReadOnlyMemory<byte> data)
    {
        var text = new StringBuilder("\"");
        foreach (var b in data.Span)
        {
            if (b is (byte)'"' or (byte)'\\')
                text.Append('\\').Append((char)b);
            else if (b is >= 0x20 and < 0x7f)
                text.Append((char)b);
            else
                text.Append($"\\x{b:x2}");
        }

        return text.Append('"').ToString();
    }
}
