using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Server.Services;
using EtcdNet.Server.Watching;
using EtcdNet.Testing;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Watching;

/// <summary>Takes marshalled responses, checks that they parse, and remembers the shared bytes.</summary>
internal sealed class RawResponses : FakeResponses<WatchResponse>, IRawResponseStream
{
    public ConcurrentQueue<ReadOnlyMemory<byte>> Bodies { get; } = new();

    public int Flushes { get; private set; }

    public async ValueTask WriteRawAsync(ReadOnlyMemory<byte> head, ReadOnlyMemory<byte> body, CancellationToken cancellation)
    {
        byte[] message = [.. head.Span, .. body.Span];
        await WriteAsync(WatchResponse.Parser.ParseFrom(message), cancellation);
        if (!body.IsEmpty)
            Bodies.Enqueue(body);
    }

    public ValueTask FlushAsync(CancellationToken cancellation)
    {
        Flushes++;
        return ValueTask.CompletedTask;
    }
}

/// <summary>A watch service over a <see cref="FakeStore"/>.</summary>
internal sealed class WatchWorld : IDisposable
{
    public WatchWorld(WatchOptions? options = null, IWatchGuard? guard = null, FakeStore? store = null)
    {
        Store = store ?? new FakeStore();
        Hub = new WatchHub(Store, options ?? new WatchOptions());
        Store.Sink = Hub;
        Monitor = new LeaderMonitor(Consensus, Time, TimeSpan.FromSeconds(1));
        Service = new WatchService(Hub, Store, Headers, Monitor, Time, guard, Stopping.Token);
    }

    public FakeStore Store { get; }

    public WatchHub Hub { get; }

    public WatchService Service { get; }

    public LeaderMonitor Monitor { get; }

    public FakeHeaders Headers { get; } = new();

    public FakeConsensus Consensus { get; } = new();

    public ManualTimeProvider Time { get; } = new();

    public CancellationTokenSource Stopping { get; } = new();

    public WatchCall Open(bool raw = true, bool requireLeader = false) => new(this, raw, requireLeader);

    public void Dispose()
    {
        Stopping.Cancel();
        Monitor.Dispose();
        Stopping.Dispose();
    }
}

/// <summary>One Watch call, seen from the client.</summary>
[SuppressMessage("Design", "CA1001", Justification = "A token source without a timer holds nothing.")]
internal sealed class WatchCall
{
    private readonly FakeRequests<WatchRequest> _requests = new();
    private readonly CancellationTokenSource _cancel = new();

    public WatchCall(WatchWorld world, bool raw, bool requireLeader)
    {
        Responses = raw ? new RawResponses() : new FakeResponses<WatchResponse>();
        var context = new CallContext { Cancellation = _cancel.Token, RequireLeader = requireLeader };
        Ended = world.Service.WatchAsync(_requests, Responses, context);
    }

    public FakeResponses<WatchResponse> Responses { get; }

    public FakeRequests<WatchRequest> Requests => _requests;

    public Task Ended { get; }

    public void Leave() => _cancel.Cancel();

    public void Send(string key, string end = "", Action<WatchCreateRequest>? set = null)
    {
        var create = new WatchCreateRequest { Key = ByteString.CopyFromUtf8(key), RangeEnd = ByteString.CopyFromUtf8(end) };
        set?.Invoke(create);
        _requests.Send(new WatchRequest { CreateRequest = create });
    }

    /// <summary>Creates a watcher and returns the answer.</summary>
    public async Task<WatchResponse> CreateAsync(string key, string end = "", Action<WatchCreateRequest>? set = null)
    {
        Send(key, end, set);
        WatchResponse answer = await NextAsync();
        Assert.True(answer.Created);
        return answer;
    }

    public void SendCancel(long id) =>
        _requests.Send(new WatchRequest { CancelRequest = new WatchCancelRequest { WatchId = id } });

    public void SendProgress() => _requests.Send(new WatchRequest { ProgressRequest = new WatchProgressRequest() });

    public async Task<WatchResponse> NextAsync()
    {
        Task<WatchResponse> next = Responses.NextAsync();
        if (await Task.WhenAny(next, Ended) == Ended)
            await Ended; // says why there is nothing to come
        return await next;
    }

    /// <summary>Next response, which must be events.</summary>
    public async Task<List<Event>> EventsAsync()
    {
        WatchResponse response = await NextAsync();
        Assert.NotEmpty(response.Events);
        return [.. response.Events];
    }

    /// <summary>
    /// Asserts that nothing is on its way: the answer to a new request is the next response. The queue is in order, so what
    /// was queued before would come first.
    /// </summary>
    public async Task NothingMoreAsync()
    {
        WatchResponse created = await CreateAsync("~probe~", set: static request => request.WatchId = long.MinValue);
        Assert.Equal(long.MinValue, created.WatchId);
        SendCancel(long.MinValue);
        Assert.True((await NextAsync()).Canceled);
    }
}
