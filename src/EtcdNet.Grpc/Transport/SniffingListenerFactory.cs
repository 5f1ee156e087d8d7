using System.Net;
using Microsoft.AspNetCore.Connections;

namespace EtcdNet.Grpc.Transport;

/// <summary>
/// Opens the listeners. Kestrel without TLS speaks one protocol per endpoint; clients of etcd expect HTTP/1.1 and HTTP/2 on
/// one port. So one real socket feeds two Kestrel endpoints, each connection going where its first bytes say. All of it is
/// public API, and it costs nothing once a connection has been handed over.
/// </summary>
internal sealed class SniffingListenerFactory(IConnectionListenerFactory sockets)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is SniffedEndPoint;

    public async ValueTask<IConnectionListener> BindAsync(
        EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var sniffed = (SniffedEndPoint)endpoint;
        await sniffed.Listener.OpenAsync(sockets, cancellationToken).ConfigureAwait(false);
        return sniffed.Listener.TakeShare(sniffed);
    }
}
