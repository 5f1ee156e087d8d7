using System.Net.Sockets;
using System.Text;

namespace EtcdNet.Host.Platform;

/// <summary>Tells systemd about the state of the service (units of Type=notify wait for READY=1).</summary>
public static class SystemdNotifier
{
    /// <summary>The service is ready.</summary>
    public const string Ready = "READY=1";

    /// <summary>The service is going down.</summary>
    public const string Stopping = "STOPPING=1";

    /// <summary>Sends <paramref name="state"/> to the socket that NOTIFY_SOCKET names. Without one, nothing happens.</summary>
    /// <returns>True when it was sent; a failure is not a reason to stop.</returns>
    public static bool Notify(string state) => Notify(state, Environment.GetEnvironmentVariable("NOTIFY_SOCKET"));

    /// <summary>The same with the address of the socket; <c>@</c> at its start means an abstract one.</summary>
    public static bool Notify(string state, string? address)
    {
        if (string.IsNullOrEmpty(address)) return false;
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            var path = address[0] == '@' ? "\0" + address[1..] : address;
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (Exception error) when (error is SocketException or ArgumentException)
        {
            return false;
        }
    }
}
