namespace EtcdNet.Host.Configuration;

/// <summary>The members named by <c>--initial-cluster</c>, each with its peer URLs.</summary>
public sealed class InitialCluster
{
    private InitialCluster(IReadOnlyDictionary<string, IReadOnlyList<EtcdUrl>> members) => Members = members;

    /// <summary>Peer URLs (sorted) by name of the member.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<EtcdUrl>> Members { get; }

    /// <summary>Reads <c>name=URL,…</c>; a name may be repeated for more URLs.</summary>
    /// <exception cref="ConfigurationException">With etcd's text.</exception>
    public static InitialCluster Parse(string text)
    {
        var urls = new SortedDictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var equals = part.IndexOf('=');
            var name = equals < 0 ? part : part[..equals];
            var url = equals < 0 ? "" : part[(equals + 1)..].Trim();
            if (equals >= 0 && url.Length == 0) throw Error($"empty URL given for \"{name}\"");
            if (!urls.TryGetValue(name, out var list)) urls[name] = list = [];
            list.Add(url);
        }
        var members = new SortedDictionary<string, IReadOnlyList<EtcdUrl>>(StringComparer.Ordinal);
        foreach (var (name, list) in urls)
        {
            if (EtcdUrl.TryParseList(string.Join(',', list), out var parsed) is { } error) throw Error(error);
            members[name] = parsed;
        }
        return new InitialCluster(members);

        static ConfigurationException Error(string message) => new($"error setting up initial cluster: {message}");
    }

    /// <summary>
    /// Checks what only matters when a member starts for the first time (an initialised data directory ignores
    /// <c>--initial-cluster</c>): the member is in the list, under the URLs that it advertises, and no URL stands there twice.
    /// </summary>
    /// <exception cref="ConfigurationException">With etcd's text.</exception>
    public void VerifyBootstrap(string name, IReadOnlyList<EtcdUrl> advertised)
    {
        if (!Members.TryGetValue(name, out var own))
            throw Fatal($"couldn't find local name \"{name}\" in the initial cluster configuration");
        var all = Members.Values.SelectMany(urls => urls).Select(url => url.Text).ToArray();
        if (all.Distinct(StringComparer.Ordinal).Count() != all.Length)
            throw Fatal($"initial cluster {this} has duplicate url");
        VerifyAdvertised(name, own, advertised);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Join(',', Members.SelectMany(member => member.Value.Select(url => $"{member.Key}={url}")));

    private static void VerifyAdvertised(string name, IReadOnlyList<EtcdUrl> own, IReadOnlyList<EtcdUrl> advertised)
    {
        var listed = own.Select(url => url.Text).ToHashSet(StringComparer.Ordinal);
        var told = advertised.Select(url => url.Text).ToHashSet(StringComparer.Ordinal);
        if (listed.SetEquals(told)) return;
        var toldText = string.Join(',', told.Order(StringComparer.Ordinal));
        var untold = listed.Except(told).Order(StringComparer.Ordinal).Select(url => $"{name}={url}").ToArray();
        if (untold.Length > 0)
            throw Fatal($"--initial-cluster has {string.Join(',', untold)} but missing from --initial-advertise-peer-urls={toldText}");
        var unlisted = told.Except(listed).Order(StringComparer.Ordinal);
        throw Fatal($"--initial-advertise-peer-urls has {string.Join(',', unlisted)} but missing from --initial-cluster={string.Join(',', told.Order(StringComparer.Ordinal).Select(url => $"{name}={url}"))}");
    }

    private static ConfigurationException Fatal(string message) => new(message) { LogMessage = "discovery failed", IsFatal = true };
}
