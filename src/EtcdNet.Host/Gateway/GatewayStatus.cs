using EtcdNet.Grpc;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Host.Gateway;

/// <summary>gRPC codes as HTTP statuses, by the table of grpc-gateway v2.</summary>
internal static class GatewayStatus
{
    private const int ClientClosedRequest = 499;

    public static int Of(GrpcStatusCode code) => code switch
    {
        GrpcStatusCode.OK => StatusCodes.Status200OK,
        GrpcStatusCode.Canceled => ClientClosedRequest,
        GrpcStatusCode.InvalidArgument or GrpcStatusCode.FailedPrecondition or GrpcStatusCode.OutOfRange => StatusCodes.Status400BadRequest,
        GrpcStatusCode.DeadlineExceeded => StatusCodes.Status504GatewayTimeout,
        GrpcStatusCode.NotFound => StatusCodes.Status404NotFound,
        GrpcStatusCode.AlreadyExists or GrpcStatusCode.Aborted => StatusCodes.Status409Conflict,
        GrpcStatusCode.PermissionDenied => StatusCodes.Status403Forbidden,
        GrpcStatusCode.Unauthenticated => StatusCodes.Status401Unauthorized,
        GrpcStatusCode.ResourceExhausted => StatusCodes.Status429TooManyRequests,
        GrpcStatusCode.Unimplemented => StatusCodes.Status501NotImplemented,
        GrpcStatusCode.Unavailable => StatusCodes.Status503ServiceUnavailable,
        _ => StatusCodes.Status500InternalServerError,
    };
}
