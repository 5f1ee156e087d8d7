namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Ids of leases that no other session uses, nor has used.</summary>
internal sealed class LeaseIds
{
    private long _next = 100_000;

    /// <summary>The next ones.</summary>
    public long[] Take(int count) => [.. Enumerable.Range(0, count).Select(_ => _next++)];
}
