using System.Diagnostics;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Histories;
using Google.Protobuf;

namespace EtcdNet.Cluster.Tests.Load;

/// <summary>
/// Takes a lease, hangs a key on it, keeps it alive for a while, lets go, and waits for the key to disappear; again and again.
/// A lease must live for its time after the last renewal that was acknowledged, counted from when that was asked for; and when nobody
/// renews it, it must end.
/// </summary>
internal sealed class LeaseHolder(int number, int seed, Endpoints endpoints) : IAsyncDisposable
{
    /// <summary>Leader changes give a lease its whole time again; this is far beyond.</summary>
    private static readonly TimeSpan _forEver = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan _callLimit = TimeSpan.FromSeconds(3);
    private readonly Random _random = new(seed);
    private readonly CancellationTokenSource _stop = new();
    private readonly TimeSpan _timeToLive = TimeSpan.FromSeconds(2 + number);
    private readonly string _prefix = $"l/{number}/";
    private readonly PeriodicTimer _timer = new(TimeSpan.FromMilliseconds(200));
    private ByteString _key = ByteString.Empty;
    private int _taken;
    private Task _running = Task.CompletedTask;
    private int _turn = seed;

    /// <summary>Leases that were renewed and then ended as they must.</summary>
    public int Ended { get; private set; }

    /// <summary>Renewals that were acknowledged.</summary>
    public int Renewals { get; private set; }

    /// <summary>Begins.</summary>
    public void Start() => _running = RunAsync();

    /// <summary>Throws what went wrong.</summary>
    public Task CheckAsync() => _running.IsCompleted ? _running : Task.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _running;
        }
        catch (HistoryException)
        {
            // Told by CheckAsync.
        }

        _timer.Dispose();
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        try
        {
            while (!_stop.IsCancellationRequested)
            {
                if (await TakeAsync() is not { } lease)
                    continue;
                long renewed = await KeepAsync(lease.Id, lease.AskedAt);
                if (renewed != 0)
                    await AwaitEndAsync(lease.Id, renewed);
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The end of the test.
        }
    }

    private async Task<(long Id, long AskedAt)?> TakeAsync()
    {
        // A fresh key: a put without an answer may still arrive and hang an old key on an old lease.
        _key = ByteString.CopyFromUtf8($"{_prefix}{++_taken}");
        long asked = Stopwatch.GetTimestamp();
        var granted = await CallAsync<LeaseGrantResponse>("/etcdserverpb.Lease/LeaseGrant", new LeaseGrantRequest { TTL = (long)_timeToLive.TotalSeconds });
        if (granted is null)
            return null;
        var put = await CallAsync<PutResponse>("/etcdserverpb.KV/Put", new PutRequest { Key = _key, Lease = granted.ID });
        return put is null ? null : (granted.ID, asked);
    }

    /// <summary>Gives when the last renewal that was acknowledged was asked for; 0 when the lease ended although it was meant to live.</summary>
    private async Task<long> KeepAsync(long lease, long asked)
    {
        long renewed = asked;
        for (int left = _random.Next(3, 40); left > 0; left--)
        {
            await _timer.WaitForNextTickAsync(_stop.Token);
            long now = Stopwatch.GetTimestamp();
            long? timeToLive = await RenewAsync(lease);
            if (timeToLive > 0)
            {
                (renewed, Renewals) = (now, Renewals + 1);
            }
            else if (timeToLive <= 0)
            {
                CheckNotEarly(lease, renewed);
                return 0;
            }
        }

        return renewed;
    }

    private async Task AwaitEndAsync(long lease, long renewed)
    {
        while (true)
        {
            await _timer.WaitForNextTickAsync(_stop.Token);
            var found = await CallAsync<RangeResponse>("/etcdserverpb.KV/Range", new RangeRequest { Key = _key });
            if (found is { Kvs.Count: 0 })
            {
                CheckNotEarly(lease, renewed);
                Ended++;
                return;
            }

            if (Stopwatch.GetElapsedTime(renewed) > _forEver)
                throw new HistoryException($"lease {lease:x} with {_timeToLive.TotalSeconds} s still lives {Stopwatch.GetElapsedTime(renewed).TotalSeconds:0} s after its last renewal");
        }
    }

    private void CheckNotEarly(long lease, long renewed)
    {
        TimeSpan lived = Stopwatch.GetElapsedTime(renewed);
        if (lived < _timeToLive)
            throw new HistoryException($"lease {lease:x} of {_timeToLive.TotalSeconds} s ended at most {lived.TotalSeconds:0.000} s after an acknowledged renewal was asked for");
    }

    private async Task<long?> RenewAsync(long lease)
    {
        using var client = new EtcdClient(endpoints.Choose(_turn));
        using var stream = client.KeepAlive();
        try
        {
            stream.Send(new LeaseKeepAliveRequest { ID = lease });
            return (await stream.NextAsync(_callLimit)).TTL;
        }
        catch (Exception error) when (CallFailure.IsBroken(error) || error is GrpcCallException)
        {
            _turn++;
            return null;
        }
    }

    /// <summary>Null when the call failed; the next one goes elsewhere.</summary>
    private async Task<T?> CallAsync<T>(string path, IMessage request)
        where T : class, IMessage<T>, new()
    {
        using var client = new EtcdClient(endpoints.Choose(_turn));
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        limit.CancelAfter(_callLimit);
        try
        {
            var reply = await client.Grpc.CallAsync<T>(path, request, limit.Token);
            if (reply.Status == GrpcStatus.OK)
                return reply.Answer;
        }
        catch (Exception error) when (CallFailure.IsBroken(error))
        {
            await _timer.WaitForNextTickAsync(_stop.Token);
        }

        _turn++;
        return null;
    }
}
