using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Testing.Processes;

/// <summary>
/// Finds TCP ports of the loopback interface that nobody listens on, below the range from which the kernel takes the ports of outgoing
/// connections: a server that is stopped and started again must find its port free, though clients have come and gone meanwhile.
/// </summary>
public static class FreePorts
{
    private const int First = 12_000;
    private const int Count = 20_000;
    private static int _next = Random.Shared.Next(Count);

    /// <summary>
    /// Takes <paramref name="count"/> different ports. A process is given no port twice before all have come; other processes begin elsewhere.
    /// </summary>
    public static int[] Take(int count)
    {
        var ports = new List<int>();
        for (var tried = 0; ports.Count < count; tried++)
        {
            if (tried == Count)
                throw new InvalidOperationException($"no {count} free ports between {First} and {First + Count}");
            var port = First + ((Interlocked.Increment(ref _next) & int.MaxValue) % Count);
            if (IsFree(port))
                ports.Add(port);
        }

        return [.. ports];
    }

    private static bool IsFree(int port)
    {
        using var listener = new TcpListener(IPAddress.Loopback, port);
        try
        {
            listener.Start();
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
