using EtcdNet.Storage.WriteAhead;

namespace EtcdNet.Server;

/// <summary>Counts what the log has grown by, and passes each sync on to the metrics.</summary>
internal sealed class WalMeter(IWalObserver? next) : IWalObserver
{
    private long _bytes;

    /// <summary>Bytes written since the start. Any thread.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <inheritdoc/>
    public void OnSync(long syncTicks, long bytes)
    {
        Volatile.Write(ref _bytes, _bytes + bytes);
        next?.OnSync(syncTicks, bytes);
    }
}
