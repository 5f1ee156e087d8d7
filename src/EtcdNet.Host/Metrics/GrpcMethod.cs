namespace EtcdNet.Host.Metrics;

/// <summary>One RPC as the labels of grpc_server_* name it.</summary>
/// <param name="Service">Full name of the service, such as <c>etcdserverpb.KV</c>.</param>
/// <param name="Method">Name of the method.</param>
/// <param name="Type"><c>unary</c>, <c>client_stream</c>, <c>server_stream</c> or <c>bidi_stream</c>.</param>
public sealed record GrpcMethod(string Service, string Method, string Type);
