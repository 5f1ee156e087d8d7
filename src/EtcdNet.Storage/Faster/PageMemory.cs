using System.Runtime.InteropServices;

namespace EtcdNet.Storage.Faster;

/// <summary>
/// Room for one page of the log, outside of the collector's heap: it is needed at a start and at checkpoints, and an array of megabytes would
/// stay resident in between. One user at a time.
/// </summary>
internal sealed unsafe class PageMemory(int pageBits) : IDisposable
{
    private byte* _bytes = (byte*)NativeMemory.Alloc((nuint)1 << pageBits);

    ~PageMemory() => Free();

    /// <summary>The room. Not zero at first.</summary>
    /// <exception cref="ObjectDisposedException">It was given back.</exception>
    public Span<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(_bytes is null, this);
            return new Span<byte>(_bytes, 1 << pageBits);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.Free(_bytes);
        _bytes = null;
    }
}
