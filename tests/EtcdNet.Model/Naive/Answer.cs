using EtcdNet.StateMachine.Errors;
using Google.Protobuf;

namespace EtcdNet.Model.Naive;

/// <summary>What a request led to: a message, a refusal, or neither for requests without an answer.</summary>
/// <param name="Message">The answer.</param>
/// <param name="Refusal">Code and text of the refusal.</param>
public readonly record struct Answer(IMessage? Message, string? Refusal)
{
    /// <summary>Runs a request that may be refused.</summary>
    public static Answer Of(Func<IMessage?> request)
    {
        try
        {
            return new Answer(request(), null);
        }
        catch (EtcdException refused)
        {
            return Of(refused);
        }
    }

    /// <summary>A refusal.</summary>
    public static Answer Of(EtcdException refused) => new(null, $"{(int)refused.Code} {refused.Message}");

    /// <summary>True when the two are the same, byte for byte.</summary>
    public bool IsSameAs(Answer other)
    {
        if (Refusal != other.Refusal || Message is null != other.Message is null)
            return false;
        return Message is null || Message.ToByteArray().AsSpan().SequenceEqual(other.Message.ToByteArray());
    }

    /// <inheritdoc/>
    public override string ToString() =>
        Refusal is not null ? $"refused: {Refusal}" : Message is null ? "done" : Script.Text.Of(Message);
}
