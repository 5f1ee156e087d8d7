using EtcdNet.Server.Services;

namespace EtcdNet.Server.Locking;

/// <summary>A call that a service makes to another one on behalf of its own caller: same identity, but it ends at a moment of its own.</summary>
internal sealed class InnerCall(CallContext outer, CancellationToken cancellation) : CallContext
{
    public override CancellationToken Cancellation => cancellation;

    public override string? Token => outer.Token;

    public override bool RequireLeader => outer.RequireLeader;

    public override string ClientApiVersion => outer.ClientApiVersion;

    public override string Remote => outer.Remote;
}
