using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Testing.Processes;

/// <summary>Finds TCP ports of the loopback interface that nobody listens on.</summary>
public static class FreePorts
{
    /// <summary>
    /// Takes <paramref name="count"/> different ports. All are held open until all are known, so no port comes twice.
    /// Another process may still be quicker to use one of them: the kernel hands out ports in a wide random range, so this is rare.
    /// </summary>
    public static int[] Take(int count)
    {
        var listeners = new List<TcpListener>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                listeners.Add(listener);
            }

            return [.. listeners.Select(l => ((IPEndPoint)l.LocalEndpoint).Port)];
        }
        finally
        {
            listeners.ForEach(l => l.Dispose());
        }
    }
}
