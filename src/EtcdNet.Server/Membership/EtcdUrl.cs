using System.Buffers;

namespace EtcdNet.Server.Membership;

/// <summary>
/// A URL to listen on or to advertise: <c>http</c>/<c>https</c> with host and port, or <c>unix</c>/<c>unixs</c>. Its text is kept as
/// given, since members and clients compare it letter by letter (<see cref="Uri"/> would add a slash).
/// </summary>
/// <param name="Text">As given, without blanks around it.</param>
/// <param name="Scheme">http, https, unix or unixs.</param>
/// <param name="Host">Host without brackets; may be empty. For unix sockets host and path make the path of the socket.</param>
/// <param name="Port">0 to 65535; -1 for a unix socket.</param>
public sealed record EtcdUrl(string Text, string Scheme, string Host, int Port)
{
    /// <summary>What Go takes in a host besides letters outside ASCII; <c>%</c> stands before an escaped byte.</summary>
    private static readonly SearchValues<char> s_hostCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~!$&'()*+,;=:[]<>\"%");

    /// <summary>True for https and unixs.</summary>
    public bool IsTls => Scheme is "https" or "unixs";

    /// <summary>True for unix and unixs.</summary>
    public bool IsUnix => Scheme is "unix" or "unixs";

    /// <summary>Path of the socket of a unix URL.</summary>
    public string UnixPath => Text[(Scheme.Length + 3)..];

    /// <inheritdoc/>
    public override string ToString() => Text;

    /// <summary>Reads a comma list; the answer is sorted and holds each URL once, as in etcd.</summary>
    /// <param name="text">URLs separated by commas, blanks around them allowed.</param>
    /// <param name="urls">The URLs, when there is no error.</param>
    /// <returns>etcd's error text, or null.</returns>
    public static string? TryParseList(string text, out IReadOnlyList<EtcdUrl> urls) => TryParseList(text.Split(','), out urls);

    /// <summary>The same for texts of one URL each; none at all is an error too.</summary>
    public static string? TryParseList(IReadOnlyCollection<string> texts, out IReadOnlyList<EtcdUrl> urls)
    {
        var found = new List<EtcdUrl>();
        urls = found;
        if (texts.Count == 0) return "no valid URLs given";
        foreach (var part in texts)
        {
            if (TryParse(part.Trim(), out var url) is { } error) return error;
            if (!found.Contains(url!)) found.Add(url!);
        }
        found.Sort((a, b) => string.CompareOrdinal(a.Text, b.Text));
        return null;
    }

    private static string? TryParse(string text, out EtcdUrl? url)
    {
        url = null;
        var mark = text.IndexOf("://", StringComparison.Ordinal);
        var scheme = mark < 0 ? "" : text[..mark].ToLowerInvariant();
        if (scheme is not ("http" or "https" or "unix" or "unixs"))
            return $"URL scheme must be http, https, unix, or unixs: {text}";
        var rest = text[(mark + 3)..];
        if (scheme is "unix" or "unixs")
        {
            url = new EtcdUrl(text, scheme, rest.Split('/')[0], -1);
            return null;
        }
        var slash = rest.IndexOfAny(['/', '?', '#']);
        var authority = slash < 0 ? rest : rest[..slash];
        if (TrySplitHostPort(text, authority, out var host, out var port) is { } error) return error;
        if (slash >= 0 && rest[slash] == '/') return $"URL must not contain a path: {text}";
        if (slash >= 0) return $"URL must not contain a query: {text}";
        url = new EtcdUrl(text, scheme, host, port);
        return null;
    }

    private static string? TrySplitHostPort(string text, string authority, out string host, out int port)
    {
        host = "";
        port = -1;
        var noPort = $"URL address does not have the form \"host:port\": {text}";
        var close = authority.LastIndexOf(']');
        if (authority.StartsWith('[') && close < 0) return $"parse \"{text}\": missing ']' in host";
        if (authority.Contains('@', StringComparison.Ordinal)) return $"URL must not contain a user: {text}";
        var bad = authority.AsSpan().IndexOfAnyExcept(s_hostCharacters);
        if (bad >= 0 && authority[bad] < 0x80) return $"parse \"{text}\": invalid character \"{authority[bad]}\" in host name";
        var colon = authority.LastIndexOf(':');
        if (colon <= close) return noPort;
        var portText = authority[(colon + 1)..];
        if (portText.Length == 0 || !portText.All(char.IsAsciiDigit))
            return $"parse \"{text}\": invalid port \":{portText}\" after host";
        if (!int.TryParse(portText, out port) || port > 65535) return $"parse \"{text}\": port out of range \":{portText}\"";
        host = authority[..colon];
        if (host.StartsWith('[')) host = host[1..^1];
        else if (host.Contains(':', StringComparison.Ordinal)) return $"parse \"{text}\": invalid port \":{authority[(authority.IndexOf(':') + 1)..]}\" after host";
        return null;
    }
}
