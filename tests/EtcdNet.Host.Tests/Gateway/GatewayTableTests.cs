using EtcdNet.Grpc;
using EtcdNet.Host.Gateway;
using EtcdNet.Protocol.Etcdserverpb;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Host.Tests.Gateway;

public sealed class GatewayTableTests
{
    [Fact]
    public void A_method_is_found_by_all_its_paths_and_one_without_a_path_is_an_error()
    {
        GrpcMethod revoke = Method("/etcdserverpb.Lease/LeaseRevoke");
        var routes = GatewayRoutes.For([revoke, Method("/grpc.health.v1.Health/Check"), Method("/etcdserverpb.KV/RangeStream")]);
        Assert.Equal(["/v3/kv/lease/revoke", "/v3/lease/revoke"], routes.Keys.Order(StringComparer.Ordinal));
        Assert.All(routes.Values, method => Assert.Same(revoke, method));
        Assert.Throws<ArgumentException>(() => GatewayRoutes.For([Method("/etcdserverpb.KV/Unheard")]));
    }

    [Fact]
    public void Tokens_and_metadata_reach_the_service_and_other_headers_do_not()
    {
        var headers = new HeaderDictionary
        {
            ["Authorization"] = "token.7",
            ["Grpc-Metadata-hasleader"] = "true",
            ["Cookie"] = "secret",
            ["token"] = "not by this name",
        };
        HeaderDictionary metadata = GatewayMetadata.Of(headers);
        Assert.Equal(["authorization", "hasleader"], metadata.Keys.Select(key => key.ToLowerInvariant()).Order(StringComparer.Ordinal));
        Assert.Equal("token.7", metadata["authorization"].ToString());
        Assert.Equal("true", metadata["hasleader"].ToString());
    }

    [Theory]
    [InlineData("3S", 3)]
    [InlineData("2M", 120)]
    public void A_deadline_is_read(string text, int seconds) =>
        Assert.Equal(TimeSpan.FromSeconds(seconds), GatewayMetadata.Timeout(new HeaderDictionary { ["Grpc-Timeout"] = text }));

    [Theory]
    [InlineData(GrpcStatusCode.OK, 200)]
    [InlineData(GrpcStatusCode.Canceled, 499)]
    [InlineData(GrpcStatusCode.Unknown, 500)]
    [InlineData(GrpcStatusCode.InvalidArgument, 400)]
    [InlineData(GrpcStatusCode.DeadlineExceeded, 504)]
    [InlineData(GrpcStatusCode.NotFound, 404)]
    [InlineData(GrpcStatusCode.AlreadyExists, 409)]
    [InlineData(GrpcStatusCode.PermissionDenied, 403)]
    [InlineData(GrpcStatusCode.ResourceExhausted, 429)]
    [InlineData(GrpcStatusCode.FailedPrecondition, 400)]
    [InlineData(GrpcStatusCode.Aborted, 409)]
    [InlineData(GrpcStatusCode.OutOfRange, 400)]
    [InlineData(GrpcStatusCode.Unimplemented, 501)]
    [InlineData(GrpcStatusCode.Internal, 500)]
    [InlineData(GrpcStatusCode.Unavailable, 503)]
    [InlineData(GrpcStatusCode.DataLoss, 500)]
    [InlineData(GrpcStatusCode.Unauthenticated, 401)]
    public void Codes_are_statuses(GrpcStatusCode code, int status) => Assert.Equal(status, GatewayStatus.Of(code));

    private static GrpcMethod Method(string path) =>
        GrpcMethod.Unary<RangeRequest, RangeResponse>(path, RangeRequest.Parser, (_, _) => new ValueTask<RangeResponse>(new RangeResponse()));
}
