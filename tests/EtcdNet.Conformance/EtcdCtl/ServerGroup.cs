using System.Collections;
using System.Globalization;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.EtcdCtl;

/// <summary>Members of one cluster, named m0, m1, … in the order of their places.</summary>
internal sealed class ServerGroup : IReadOnlyList<ServerProcess>, IAsyncDisposable
{
    private readonly ServerProcess[] _members;

    private ServerGroup(ServerProcess[] members) => _members = members;

    /// <inheritdoc/>
    public int Count => _members.Length;

    /// <inheritdoc/>
    public ServerProcess this[int index] => _members[index];

    /// <summary>Starts a new cluster and waits until all members serve clients.</summary>
    public static async Task<ServerGroup> StartAsync(int count, params string[] extraArguments)
    {
        var places = Enumerable.Range(0, count).Select(static n => ServerPlace.OnLoopback(string.Create(CultureInfo.InvariantCulture, $"m{n}"))).ToList();
        var cluster = string.Join(',', places.Select(static p => $"{p.Name}={p.PeerUrl}"));
        var group = new ServerGroup([.. places.Select(p => ServerProcess.Create(ServerTarget.UnderTest, p with { InitialCluster = cluster }, extraArguments: extraArguments))]);
        try
        {
            await Task.WhenAll(group.Select(static m => m.StartAsync()));
            return group;
        }
        catch
        {
            await group.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public IEnumerator<ServerProcess> GetEnumerator() => _members.AsEnumerable().GetEnumerator();

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var member in _members)
            await member.DisposeAsync();
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
