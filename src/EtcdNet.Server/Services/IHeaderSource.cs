using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.Server.Services;

/// <summary>Makes the header of answers: cluster, member and term of this moment with a given revision.</summary>
public interface IHeaderSource
{
    /// <summary>A header that the caller owns. Any thread, cheap.</summary>
    /// <param name="revision">Revision to put in; 0 leaves the field out.</param>
    ResponseHeader Header(long revision);
}
