using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Peer.Transport;

/// <summary>
/// Opens connections to other members from one local address, so that firewalls and certificates see the address that the member
/// advertises and not whichever the routing table picks (etcd's feature gate SetMemberLocalAddr). A host name is only looked up in
/// the family of that address: no other could be reached from it.
/// </summary>
/// <param name="local">An address of this machine; connecting fails while it is none.</param>
public sealed class BoundDialer(IPAddress local)
{
    /// <summary>A handler whose connections leave from <paramref name="local"/>; null: from the address that the system picks.</summary>
    public static SocketsHttpHandler NewHandler(IPAddress? local)
    {
        var handler = new SocketsHttpHandler { UseProxy = false };
        if (local is not null)
            handler.ConnectCallback = new BoundDialer(local).ConnectAsync;
        return handler;
    }

    /// <summary>
    /// Proves that connections can leave from there. A member that asks nobody because it cannot would take its cluster for one that does not exist.
    /// </summary>
    /// <exception cref="SocketException">The address is none of this machine.</exception>
    public static void Check(IPAddress local)
    {
        using var socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        new BoundDialer(local).Bind(socket);
    }

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        DnsEndPoint to = context.DnsEndPoint;
        IPAddress[] addresses = await Dns.GetHostAddressesAsync(to.Host, local.AddressFamily, cancellation).ConfigureAwait(false);
        for (int i = 0; i < addresses.Length; i++)
        {
            try
            {
                return await ConnectAsync(new IPEndPoint(addresses[i], to.Port), cancellation).ConfigureAwait(false);
            }
            catch (SocketException) when (i + 1 < addresses.Length)
            {
                // The next one may answer.
            }
        }

        throw new SocketException((int)SocketError.AddressFamilyNotSupported, $"{to.Host} has no address that can be reached from {local}");
    }

    // A socket each: one whose connect has failed is bound no more.
    private async Task<Stream> ConnectAsync(IPEndPoint to, CancellationToken cancellation)
    {
        var socket = new Socket(local.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            Bind(socket);
            await socket.ConnectAsync(to, cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void Bind(Socket socket)
    {
        try
        {
            socket.Bind(new IPEndPoint(local, 0));
        }
        catch (SocketException error)
        {
            throw new SocketException(error.ErrorCode, $"cannot connect from the member's local address {local}: {error.Message}");
        }
    }
}
