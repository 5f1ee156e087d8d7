using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Auth;
using Google.Protobuf;

namespace EtcdNet.Server.Auth;

/// <summary>Proposes what the server does of its own accord, like ending leases, in the name of root.</summary>
internal sealed class RootProposer(IProposer proposer, AuthStore store) : IProposer
{
    /// <inheritdoc/>
    public ValueTask<IMessage> ProposeAsync(InternalRaftRequest request, CancellationToken cancellation)
    {
        AuthView auth = store.View;
        if (auth.Enabled)
            request.Header = new RequestHeader { Username = AuthStore.RootName, AuthRevision = auth.Revision };
        return proposer.ProposeAsync(request, cancellation);
    }
}
