using System.Net;
using System.Net.Sockets;

namespace EtcdNet.Grpc.Transport;

/// <summary>What Kestrel binds in place of a real address: one protocol's share of a <see cref="SharedListener"/>.</summary>
internal sealed class SniffedEndPoint(SharedListener listener, ListenerShare share) : EndPoint
{
    public SharedListener Listener { get; } = listener;

    public ListenerShare Share { get; } = share;

    public override AddressFamily AddressFamily => Listener.Endpoint.Address.AddressFamily;

    public override string ToString() => SharedListener.Describe(Listener.Endpoint.Address);
}

/// <summary>Which connections of a listener a Kestrel endpoint takes.</summary>
internal enum ListenerShare
{
    /// <summary>All of them (TLS, where ALPN decides, or a listener with one protocol).</summary>
    All,

    /// <summary>Those that begin with the HTTP/2 preface.</summary>
    Http2,

    /// <summary>The others.</summary>
    Http1,
}
