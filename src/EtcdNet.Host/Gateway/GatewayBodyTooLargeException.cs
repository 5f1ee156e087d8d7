namespace EtcdNet.Host.Gateway;

/// <summary>A JSON value that no message within the limits of a request needs.</summary>
internal sealed class GatewayBodyTooLargeException(int bytesMax) : Exception($"gateway: JSON value larger than max ({bytesMax} bytes)");
