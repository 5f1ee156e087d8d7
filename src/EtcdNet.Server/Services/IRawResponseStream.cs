namespace EtcdNet.Server.Services;

/// <summary>
/// Optional capability of an <see cref="IResponseStream{T}"/>: takes messages that are marshalled already, so that events
/// shared by thousands of watchers are marshalled once, and lets the writer decide when to send. One writer at a time;
/// calls may be mixed with <see cref="IResponseStream{T}.WriteAsync"/>.
/// </summary>
public interface IRawResponseStream
{
    /// <summary>
    /// Adds the message made of <paramref name="head"/> followed by <paramref name="body"/> to what is to be sent. Both are
    /// used up when the task completes. Waits while the client's flow-control window is closed and enough is buffered.
    /// </summary>
    ValueTask WriteRawAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken cancellation);

    /// <summary>Sends what was added.</summary>
    ValueTask FlushAsync(CancellationToken cancellation);
}
