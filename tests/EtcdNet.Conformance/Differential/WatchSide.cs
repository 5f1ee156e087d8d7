using System.Threading.Channels;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing.Clients;

namespace EtcdNet.Conformance.Differential;

/// <summary>
/// The Watch call to one of the two servers. It is read all the time: a watcher whose client does not read falls behind, and a compaction then rightly
/// cancels it.
/// </summary>
internal sealed class WatchSide : IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly GrpcStream<WatchRequest, WatchResponse> _stream;
    private readonly Channel<WatchResponse> _arrived = Channel.CreateUnbounded<WatchResponse>();
    private readonly Dictionary<long, List<Event>> _events = [];
    private readonly string _name;
    private long _progress;

    internal WatchSide(EtcdClient client, string name)
    {
        _name = name;
        _stream = client.Watch();
        _ = PumpAsync();
    }

    /// <summary>Messages that were parts of a larger one.</summary>
    public int Fragments { get; private set; }

    /// <inheritdoc/>
    public void Dispose() => _stream.Dispose();

    internal void Send(WatchRequest request) => _stream.Send(request);

    /// <summary>The events of a watcher that have come and were not taken yet.</summary>
    internal List<Event> EventsOf(long id) => _events.TryGetValue(id, out List<Event>? events) ? events : _events[id] = [];

    /// <summary>Waits for the next response that is no event: a watcher was created or has ended.</summary>
    internal async Task<WatchResponse> ControlAsync()
    {
        while (true)
        {
            WatchResponse response = await TakeAsync("a watcher to be created or to end");
            if (response.Created || response.Canceled)
                return response;
            Keep(response);
        }
    }

    /// <summary>Waits until a watcher has got what it has to.</summary>
    internal async Task UntilAsync(long id, Func<List<Event>, bool> enough)
    {
        while (!enough(EventsOf(id)))
        {
            Keep(await TakeAsync($"events of watcher {id}, of which there are {EventsOf(id).Count}"));
        }
    }

    /// <summary>Waits until no watcher has to read the past any more: only then is a progress request answered (etcd since 3.5.8).</summary>
    internal async Task SettleAsync(long revision)
    {
        long end = Environment.TickCount64 + (long)_limit.TotalMilliseconds;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (_progress < revision)
        {
            Assert.True(Environment.TickCount64 < end, $"progress {_progress} was told for a minute, {revision} was awaited of {_name}");
            _stream.Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });
            await timer.WaitForNextTickAsync();
            while (_arrived.Reader.TryRead(out WatchResponse? response))
                Keep(response);
        }
    }

    private void Keep(WatchResponse response)
    {
        Assert.False(response.Created || response.Canceled, $"a watcher was created or ended unasked: {response}");
        if (response is { WatchId: -1, Events.Count: 0 })
            _progress = Math.Max(_progress, response.Header.Revision);
        Fragments += response.Fragment ? 1 : 0;
        EventsOf(response.WatchId).AddRange(response.Events);
    }

    private async Task<WatchResponse> TakeAsync(string awaited)
    {
        try
        {
            return await _arrived.Reader.ReadAsync().AsTask().WaitAsync(_limit);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"waited a minute for {awaited}, of {_name}");
        }
    }

    private async Task PumpAsync()
    {
        try
        {
            while (await _stream.ReadAsync(TimeSpan.FromMinutes(30)) is { } response)
                _arrived.Writer.TryWrite(response);
            _arrived.Writer.Complete(new InvalidOperationException($"the watch call ended: {_stream.End}"));
        }
        catch (Exception e)
        {
            _arrived.Writer.Complete(e);
        }
    }
}
