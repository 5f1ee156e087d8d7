using EtcdNet.Grpc;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace EtcdNet.Host.Gateway;

/// <summary>What of an HTTP request reaches the service: the token, the deadline, and headers that say that they are metadata.</summary>
internal static class GatewayMetadata
{
    private const string MetadataPrefix = "Grpc-Metadata-";

    /// <summary>The metadata of a call.</summary>
    public static HeaderDictionary Of(IHeaderDictionary headers)
    {
        var metadata = new HeaderDictionary();
        foreach ((string name, Microsoft.Extensions.Primitives.StringValues value) in headers)
        {
            if (name.StartsWith(MetadataPrefix, StringComparison.OrdinalIgnoreCase))
                metadata[name[MetadataPrefix.Length..]] = value;
        }
        if (headers.Authorization.Count > 0)
            metadata[HeaderNames.Authorization] = headers.Authorization;
        return metadata;
    }

    /// <summary>The caller's deadline.</summary>
    /// <exception cref="GatewayRequestException">The header cannot be read.</exception>
    public static TimeSpan? Timeout(IHeaderDictionary headers)
    {
        string text = headers.GrpcTimeout.ToString();
        if (text.Length == 0)
            return null;
        return GrpcLoopback.TryParseTimeout(text, out TimeSpan timeout)
            ? timeout
            : throw new GatewayRequestException($"invalid grpc-timeout: {text}");
    }
}
