using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>How a call ended: with an answer, or with a status and its text.</summary>
/// <param name="Status">The status.</param>
/// <param name="Message">Its text; empty with an answer.</param>
/// <param name="Answer">The answer; null when the call failed.</param>
internal sealed record Outcome(GrpcStatus Status, string Message, IMessage? Answer)
{
    private const int ShownMax = 4000;

    /// <summary>A call that succeeded.</summary>
    public static Outcome Of(IMessage answer) => new(GrpcStatus.OK, "", answer);

    /// <inheritdoc/>
    public override string ToString()
    {
        string text = Answer is null ? $"{(int)Status} {Message}" : ReadableJson.Format(Answer);
        return text.Length <= ShownMax ? text : $"{text[..ShownMax]}… ({text.Length} characters)";
    }
}
