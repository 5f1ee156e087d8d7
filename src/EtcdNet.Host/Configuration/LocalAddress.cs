using System.Net;
using System.Net.Sockets;
using EtcdNet.Server.Membership;

namespace EtcdNet.Host.Configuration;

/// <summary>Which of a member's advertised addresses it connects to the others from (feature gate SetMemberLocalAddr).</summary>
public static class LocalAddress
{
    /// <summary>
    /// The first address among <paramref name="advertised"/> that is neither loopback nor unspecified; null when there is none.
    /// As in etcd host names are passed over: they are not looked up.
    /// </summary>
    public static IPAddress? Choose(IEnumerable<EtcdUrl> advertised) =>
        advertised.Select(static url => Parse(url)).FirstOrDefault(static address => address is not null && IsSuitable(address));

    private static IPAddress? Parse(EtcdUrl url)
    {
        if (url.IsUnix || !IPAddress.TryParse(url.Host, out IPAddress? address))
            return null;
        // .NET also reads "10" and "0x0a000001" as addresses; for Go they are names.
        if (address.AddressFamily == AddressFamily.InterNetwork && address.ToString() != url.Host)
            return null;
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private static bool IsSuitable(IPAddress address) =>
        !IPAddress.IsLoopback(address) && !address.Equals(IPAddress.Any) && !address.Equals(IPAddress.IPv6Any);
}
