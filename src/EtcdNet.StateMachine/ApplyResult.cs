using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.StateMachine;

/// <summary>What an entry led to. Both null: it has no answer, or it had been applied before.</summary>
/// <param name="Response">The answer; its header has only the revision.</param>
/// <param name="Error">The request was refused and left no trace.</param>
public readonly record struct ApplyResult(IMessage? Response, EtcdException? Error)
{
    /// <summary>An answer.</summary>
    public static ApplyResult Of(IMessage response) => new(response, null);

    /// <summary>A refusal.</summary>
    public static ApplyResult Refused(EtcdError error) => new(null, error.ToException());
}

/// <summary>
/// The records or the small state of a checkpoint are not those that were written: some are missing, changed or too many.
/// Nothing of it may be served; an older checkpoint or the leader's snapshot may help.
/// </summary>
public sealed class StateDamagedException(string detail) : Exception($"the stored state is damaged: {detail}");

/// <summary>
/// A committed entry that this version does not know. Members that do know it would go apart from this one, so it has to stop.
/// </summary>
public sealed class UnknownEntryException(ulong index, string detail)
    : Exception($"entry {index} cannot be applied by this version: {detail}");
