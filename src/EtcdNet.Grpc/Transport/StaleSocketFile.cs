using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Grpc.Transport;

/// <summary>Removes the file of a unix socket that nobody listens on any more; a killed server leaves it behind.</summary>
internal static class StaleSocketFile
{
    public static void Remove(EndPoint address)
    {
        if (address is not UnixDomainSocketEndPoint unix || unix.ToString() is not { Length: > 0 } path || path[0] == '@')
            return;
        if (!File.Exists(path) || IsAlive(unix))
            return;
        File.Delete(path);
    }

    /// <summary>Anything but "refused" keeps the file: it may be somebody's socket, or no socket at all.</summary>
    private static bool IsAlive(UnixDomainSocketEndPoint address)
    {
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(address);
            return true;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode != SocketError.ConnectionRefused;
        }
    }
}
