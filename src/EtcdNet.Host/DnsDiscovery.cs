using System.Globalization;
using System.Net;
using System.Net.Sockets;
using EtcdNet.Host.Configuration;
using EtcdNet.Host.Platform;
using Serilog;

namespace EtcdNet.Host;

/// <summary>
/// Finds the members of a new cluster in DNS (<c>--discovery-srv</c>): the targets of <c>_etcd-server-ssl._tcp</c> and
/// <c>_etcd-server._tcp</c>. Members other than this one are numbered; this one is known by the URLs that it advertises.
/// </summary>
/// <param name="query">Asks for the records of a name.</param>
/// <param name="resolve">Addresses of a host; none when it cannot be resolved.</param>
/// <param name="log">Log of the process.</param>
internal sealed class DnsDiscovery(
    Func<string, IReadOnlyList<ServiceRecord>> query, Func<string, IReadOnlyList<IPAddress>> resolve, ILogger log)
{
    /// <summary>With the system's resolver.</summary>
    public DnsDiscovery(ILogger log)
        : this(ServiceRecords.Query, Resolve, log)
    {
    }

    /// <summary>The members as <c>--initial-cluster</c> would name them.</summary>
    /// <exception cref="ConfigurationException">There are none, or this member is not among them.</exception>
    public InitialCluster Find(EtcdOptions options)
    {
        string suffix = options.DiscoverySrvName.Length > 0 ? $"-{options.DiscoverySrvName}" : "";
        var members = new List<string>();
        int number = 0;
        foreach ((string service, string scheme) in new[] { ("etcd-server-ssl", "https"), ("etcd-server", "http") })
        {
            foreach (ServiceRecord record in query($"_{service}{suffix}._tcp.{options.DiscoverySrv}"))
            {
                bool isSelf = options.InitialAdvertisePeerUrls.Any(own => IsSame(own, record));
                string name = isSelf ? options.Name : (number++).ToString(CultureInfo.InvariantCulture);
                members.Add($"{name}={scheme}://{record.Target}:{record.Port}");
            }
        }
        if (members.Count == 0)
            throw Failed($"no SRV records of etcd-server{suffix} or etcd-server-ssl{suffix} at {options.DiscoverySrv}");
        log.ForContext<DnsDiscovery>().ForContext("members", members).Information("got bootstrap from DNS for etcd-server");
        InitialCluster found = InitialCluster.Parse(string.Join(',', members));
        return found.Members.ContainsKey(options.Name)
            ? found
            : throw Failed($"cannot find local etcd member \"{options.Name}\" in SRV records: none of them leads to {string.Join(',', options.InitialAdvertisePeerUrls)}");
    }

    private static IReadOnlyList<IPAddress> Resolve(string host)
    {
        try
        {
            return Dns.GetHostAddresses(host);
        }
        catch (SocketException)
        {
            return [];
        }
    }

    private bool IsSame(EtcdUrl own, ServiceRecord record) =>
        own.Port == record.Port
        && (string.Equals(own.Host, record.Target, StringComparison.OrdinalIgnoreCase) || resolve(own.Host).Intersect(resolve(record.Target)).Any());

    private static ConfigurationException Failed(string why) => new($"error setting up initial cluster: {why}");
}
