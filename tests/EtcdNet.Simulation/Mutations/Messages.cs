using EtcdNet.Raft;

namespace EtcdNet.Simulation.Mutations;

/// <summary>Messages with something changed.</summary>
internal static class Messages
{
    public static Message Copy(
        Message message, ulong? term = null, ulong? vote = null, ulong? commit = null, ulong? index = null, ulong? logTerm = null,
        IReadOnlyList<Message>? responses = null) => new()
    {
        Type = message.Type, To = message.To, From = message.From, Term = term ?? message.Term, LogTerm = logTerm ?? message.LogTerm,
        Index = index ?? message.Index, Entries = message.Entries, Commit = commit ?? message.Commit, Vote = vote ?? message.Vote,
        Snapshot = message.Snapshot, Reject = message.Reject, RejectHint = message.RejectHint, Context = message.Context,
        Responses = responses ?? message.Responses,
    };

    /// <summary>Gives the member its own answers of a type at once instead of after the write.</summary>
    public static Message AnswerEarly(SimMember member, Message message, MessageType type)
    {
        bool isEarly = false;
        foreach (Message response in message.Responses)
        {
            if (response.Type == type && response.To == member.Id)
                isEarly |= member.Core!.Loop.Step(response);
        }

        if (!isEarly)
            return message;
        member.PlanLoop(0);
        return Copy(message, responses: [.. message.Responses.Where(response => response.Type != type || response.To != member.Id)]);
    }
}
