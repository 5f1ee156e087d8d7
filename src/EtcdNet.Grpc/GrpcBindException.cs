namespace EtcdNet.Grpc;

/// <summary>A listener could not be opened; the message names the address and the reason.</summary>
public sealed class GrpcBindException : IOException
{
    /// <summary>Creates the exception.</summary>
    public GrpcBindException(string address, string reason, Exception? inner = null)
        : base($"listen {address}: bind: {reason}", inner)
    {
        Address = address;
    }

    /// <summary>Network and address, for example <c>tcp 127.0.0.1:2379</c>.</summary>
    public string Address { get; }
}
