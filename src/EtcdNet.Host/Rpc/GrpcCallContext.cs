using EtcdNet.Grpc;
using EtcdNet.Server.Services;
using Google.Protobuf;

namespace EtcdNet.Host.Rpc;

/// <summary>A gRPC call as the services see it; looks into the call only when asked, since most requests never ask.</summary>
internal sealed class GrpcCallContext(GrpcCall call) : CallContext
{
    private const string Bearer = "Bearer ";

    /// <summary>The request of a unary call.</summary>
    public IMessage? Request { get; init; }

    public override CancellationToken Cancellation => call.Cancellation;

    public override string? Token => WithoutScheme(call.Metadata("token") ?? call.Metadata("authorization"));

    public override bool RequireLeader => call.Metadata("hasleader") == "true";

    public override string ClientApiVersion => call.Metadata("client-api-version") ?? base.ClientApiVersion;

    public override string Remote => call.Peer;

    /// <summary>HTTP clients may name the scheme (etcd 3.6.12).</summary>
    private static string? WithoutScheme(string? token) =>
        token is not null && token.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? token[Bearer.Length..] : token;
}
