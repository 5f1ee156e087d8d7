using System.Buffers;

namespace EtcdNet.Server.Services;

/// <summary>
/// A unary answer that is not in memory: its size is known, its bytes are made while they are sent. A transport writes
/// pieces until there are no more, waits between them while the client's window is closed, and disposes it whatever happens.
/// </summary>
public interface IEncodedAnswer : IDisposable
{
    /// <summary>Bytes of the marshalled message.</summary>
    long Size { get; }

    /// <summary>Appends the next piece, some tens of kilobytes. False when everything was written.</summary>
    /// <exception cref="Exception">The rest cannot be made; the call must be cut, since its beginning was sent.</exception>
    bool WriteNext(IBufferWriter<byte> destination);
}
