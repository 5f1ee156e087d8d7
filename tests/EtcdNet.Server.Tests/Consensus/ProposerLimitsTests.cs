using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Tests.Consensus;

public sealed class ProposerLimitsTests
{
    [Theory]
    [InlineData(false, 5000)]
    [InlineData(true, 10_000)]
    public void Ends_of_leases_are_taken_longer_where_they_have_priority(bool priority, int lagMax)
    {
        var limits = new ProposerLimits { PriorityRequests = priority };
        Assert.Equal((ulong)lagMax, limits.LagMax(new InternalRaftRequest { LeaseRevoke = new LeaseRevokeRequest() }));
        Assert.Equal(5000UL, limits.LagMax(new InternalRaftRequest { Put = new PutRequest() }));
    }
}
