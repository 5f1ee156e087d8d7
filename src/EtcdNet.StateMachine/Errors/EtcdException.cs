using EtcdNet.Protocol;

namespace EtcdNet.StateMachine.Errors;

/// <summary>A request was refused; code and text go to the client as they are.</summary>
public sealed class EtcdException(GrpcStatus code, string message) : Exception(message)
{
    /// <summary>An error of the table.</summary>
    public EtcdException(EtcdError error)
        : this(error.Code, error.Message)
    {
    }

    /// <summary>Status code for the client.</summary>
    public GrpcStatus Code { get; } = code;
}
