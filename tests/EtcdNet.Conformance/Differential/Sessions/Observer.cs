using EtcdNet.Conformance.Semantics;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>An Observe call to both: each leader, and each value that a leader proclaims, has to be told once.</summary>
internal sealed class Observer : IDisposable
{
    private readonly World _world;
    private readonly int _client;
    private readonly string _name;
    private readonly GrpcStream<LeaderRequest, LeaderResponse>[] _streams;
    private (ByteString Key, long Revision) _told = (ByteString.Empty, 0);

    /// <summary>Opens the calls; <see cref="MovedAsync"/> has to follow.</summary>
    public Observer(World world, int client, string name)
    {
        (_world, _client, _name) = (world, client, name);
        world.Remember($"client {client} Observe {name}");
        var request = new LeaderRequest { Name = ByteString.CopyFromUtf8(name) };
        _streams = [.. new[] { world.Left, world.Right }.Select(side =>
        {
            var stream = side.Client(client).Grpc.Open<LeaderRequest, LeaderResponse>(Rpcs.PathOf("Observe"));
            stream.Send(request);
            stream.CompleteRequests();
            return stream;
        })];
        Since = world.Store.Revision;
    }

    /// <summary>The revision from which the servers may still have to read.</summary>
    public long Since { get; private set; }

    /// <summary>Waits for what has to be told after a change.</summary>
    public async Task MovedAsync()
    {
        List<KeyValue> line = await _world.UnderAsync(_client, _name + "/");
        if (line.Count == 0 || (line[0].Key, line[0].ModRevision) == _told)
            return;
        // What is told between is compared as well; the last word has to be the one that stands.
        while ((line[0].Key, line[0].ModRevision) != _told)
            await NextAsync();
        Since = _world.Store.Revision;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var stream in _streams)
            stream.Dispose();
    }

    private async Task NextAsync()
    {
        LeaderResponse[] told = await Task.WhenAll(_streams.Select(static stream => stream.NextAsync(TimeSpan.FromSeconds(60))));
        foreach ((LeaderResponse answer, Side side) in told.Zip([_world.Left, _world.Right]))
        {
            side.StandIns.Incoming(answer);
            Normal.Clear(answer.Header);
        }

        Assert.True(told[0].Equals(told[1]), $"Observe {_name}\n  etcd:   {ReadableJson.Format(told[0])}\n  tested: {ReadableJson.Format(told[1])}");
        _told = (told[1].Kv.Key, told[1].Kv.ModRevision);
        _world.Count("Observe");
    }
}
