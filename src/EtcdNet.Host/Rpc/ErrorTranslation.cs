using EtcdNet.Grpc;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Errors;

namespace EtcdNet.Host.Rpc;

/// <summary>Errors of the services as gRPC statuses: code and text as they are.</summary>
internal static class ErrorTranslation
{
    /// <summary>Null for what is no error of a service.</summary>
    public static GrpcStatusException? Translate(Exception error) => error switch
    {
        EtcdException etcd => new GrpcStatusException((GrpcStatusCode)etcd.Code, etcd.Message),
        BackendDamagedException damaged => new GrpcStatusException(GrpcStatusCode.DataLoss, damaged.Message),
        _ => null,
    };
}
