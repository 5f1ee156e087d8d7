using System.IO.Pipelines;

namespace EtcdNet.Grpc.Internal;

/// <summary>
/// Reads what a client sends. A stream that the client resets, or whose connection breaks, ends as a cancelled call does: Kestrel may tell
/// the reader of the body before it tells the call, and neither is a fault of the handler.
/// </summary>
internal static class RequestBody
{
    /// <summary>Takes what is there, without waiting.</summary>
    /// <exception cref="OperationCanceledException">The client's stream broke.</exception>
    public static bool TryTake(PipeReader body, out ReadResult read)
    {
        try
        {
            return body.TryRead(out read);
        }
        catch (IOException error)
        {
            throw Broken(error);
        }
    }

    /// <summary>Waits for more than what was looked at already, or for the end of the stream.</summary>
    /// <exception cref="OperationCanceledException">The client's stream broke, or the token fired.</exception>
    public static async ValueTask<ReadResult> WaitAsync(PipeReader body, CancellationToken cancellation)
    {
        try
        {
            return await body.ReadAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            throw Broken(error);
        }
    }

    /// <summary>Gives back what was taken, and says what was looked at.</summary>
    /// <exception cref="OperationCanceledException">The client's stream broke.</exception>
    public static void Advance(PipeReader body, SequencePosition consumed, SequencePosition examined)
    {
        try
        {
            body.AdvanceTo(consumed, examined);
        }
        catch (IOException error)
        {
            throw Broken(error);
        }
    }

    private static OperationCanceledException Broken(IOException error) => new("the client's stream broke", error);
}
