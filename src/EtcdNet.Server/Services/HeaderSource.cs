using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Services;

/// <summary>Says who answered, and in which term.</summary>
internal sealed class HeaderSource(ConsensusState state) : IHeaderSource
{
    /// <inheritdoc/>
    public ResponseHeader Header(long revision)
    {
        var header = new ResponseHeader { Revision = revision };
        Complete(header);
        return header;
    }

    /// <summary>Adds cluster, member and term to a header that holds the revision.</summary>
    public void Complete(ResponseHeader header)
    {
        header.ClusterId = state.ClusterId;
        header.MemberId = state.MemberId;
        header.RaftTerm = state.Term;
    }
}
