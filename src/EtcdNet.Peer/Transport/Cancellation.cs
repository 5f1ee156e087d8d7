namespace EtcdNet.Peer.Transport;

/// <summary>Ending something from another thread that may have ended by itself just now.</summary>
internal static class Cancellation
{
    /// <summary>Cancels, unless the owner has disposed the source already: then there is nothing left to end.</summary>
    public static void TryCancel(CancellationTokenSource source)
    {
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // A timer's callback may run while the timer is disposed, and a replaced connection may end while it is closed.
        }
    }
}
