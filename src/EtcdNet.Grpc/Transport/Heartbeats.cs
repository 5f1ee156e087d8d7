using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace EtcdNet.Grpc.Transport;

/// <summary>
/// Gives the connections of a stopping host the heartbeat that they miss. A connection of Kestrel's that is asked to close
/// while it has a call looks again when its client says something or at the next heartbeat; but a stopping server ends its
/// heartbeat first. A client that says nothing more would hold up the stop for the whole grace, its calls long over.
/// </summary>
internal sealed class Heartbeats
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    private readonly ConcurrentDictionary<Recorder, byte> _connections = new();

    /// <summary>Notes what wants the heartbeat of a connection; before Kestrel sees the connection.</summary>
    public IConnectionHeartbeatFeature Follow(ConnectionContext connection)
    {
        var recorder = new Recorder(connection.Features.Get<IConnectionHeartbeatFeature>());
        connection.Features.Set<IConnectionHeartbeatFeature>(recorder);
        _connections.TryAdd(recorder, 0);
        return recorder;
    }

    /// <summary>The connection has ended.</summary>
    public void Leave(IConnectionHeartbeatFeature followed) => _connections.TryRemove((Recorder)followed, out _);

    /// <summary>Beats until the server has stopped.</summary>
    /// <param name="stopping">The server's stop, begun: its own heartbeat has ended.</param>
    public async Task BeatUntilAsync(Task stopping)
    {
        using var timer = new PeriodicTimer(Interval);
        var tick = timer.WaitForNextTickAsync().AsTask();
        while (await Task.WhenAny(stopping, tick).ConfigureAwait(false) != stopping)
        {
            foreach (var connection in _connections.Keys)
                connection.Beat();
            tick = timer.WaitForNextTickAsync().AsTask();
        }

        await stopping.ConfigureAwait(false);
    }

    private sealed class Recorder(IConnectionHeartbeatFeature? inner) : IConnectionHeartbeatFeature
    {
        private ImmutableArray<(Action<object> Action, object State)> _wanted = [];

        public void OnHeartbeat(Action<object> action, object state)
        {
            ImmutableInterlocked.Update(ref _wanted, static (wanted, one) => wanted.Add(one), (action, state));
            inner?.OnHeartbeat(action, state);
        }

        public void Beat()
        {
            foreach (var (action, state) in _wanted)
                action(state);
        }
    }
}
