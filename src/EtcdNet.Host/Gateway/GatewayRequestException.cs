namespace EtcdNet.Host.Gateway;

/// <summary>A body that is no JSON or does not fit the message; the text is the one that etcd answers with InvalidArgument.</summary>
internal sealed class GatewayRequestException(string message) : Exception(message);
