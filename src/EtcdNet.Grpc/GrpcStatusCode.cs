namespace EtcdNet.Grpc;

/// <summary>The status codes of the gRPC protocol; the number is what travels in <c>grpc-status</c>.</summary>
public enum GrpcStatusCode
{
    /// <summary>Success.</summary>
    OK = 0,

    /// <summary>The caller gave up.</summary>
    Canceled = 1,

    /// <summary>An error that carries no better code.</summary>
    Unknown = 2,

    /// <summary>The request can never work as it is.</summary>
    InvalidArgument = 3,

    /// <summary>The caller's deadline passed.</summary>
    DeadlineExceeded = 4,

    /// <summary>What was asked for does not exist.</summary>
    NotFound = 5,

    /// <summary>What was to be created exists already.</summary>
    AlreadyExists = 6,

    /// <summary>The caller is known and may not do this.</summary>
    PermissionDenied = 7,

    /// <summary>A limit was hit: message size, quota.</summary>
    ResourceExhausted = 8,

    /// <summary>The state of the system forbids it; retrying alone does not help.</summary>
    FailedPrecondition = 9,

    /// <summary>Lost to a concurrent change.</summary>
    Aborted = 10,

    /// <summary>Outside the valid range, for example a compacted revision.</summary>
    OutOfRange = 11,

    /// <summary>Unknown service, method or encoding.</summary>
    Unimplemented = 12,

    /// <summary>A broken invariant or a broken message.</summary>
    Internal = 13,

    /// <summary>Not now; safe to retry elsewhere.</summary>
    Unavailable = 14,

    /// <summary>Data is lost or corrupt.</summary>
    DataLoss = 15,

    /// <summary>The caller is not known.</summary>
    Unauthenticated = 16,
}
