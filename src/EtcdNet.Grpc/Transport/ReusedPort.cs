using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;

namespace EtcdNet.Grpc.Transport;

/// <summary>Listening sockets that share their port with those of other processes (Linux).</summary>
internal static class ReusedPort
{
    private const int SolSocket = 1;
    private const int SoReusePort = 15;

    /// <summary>As Kestrel binds, with SO_REUSEPORT set before.</summary>
    public static Socket Bind(EndPoint endpoint)
    {
        if (endpoint is not IPEndPoint address)
            return SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            if (address.Address.Equals(IPAddress.IPv6Any))
                socket.DualMode = true;
            socket.SetRawSocketOption(SolSocket, SoReusePort, BitConverter.GetBytes(1));
            socket.Bind(address);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
