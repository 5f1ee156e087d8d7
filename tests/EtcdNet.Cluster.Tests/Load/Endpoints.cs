namespace EtcdNet.Cluster.Tests.Load;

/// <summary>The members that clients know; it changes while they work. Any thread.</summary>
internal sealed class Endpoints
{
    private volatile Uri[] _all;

    /// <summary>These to begin with.</summary>
    public Endpoints(IEnumerable<Uri> all) => _all = [.. all];

    /// <summary>One after the other.</summary>
    public Uri Choose(int turn)
    {
        Uri[] all = _all;
        return all[(turn & int.MaxValue) % all.Length];
    }

    /// <summary>From now on these.</summary>
    public void Set(IEnumerable<Uri> all) => _all = [.. all];
}
