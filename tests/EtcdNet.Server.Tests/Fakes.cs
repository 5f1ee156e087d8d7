using System.Threading.Channels;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Services;

namespace EtcdNet.Server.Tests;

/// <summary>Limits for waiting on other threads; never for the passing of time itself.</summary>
internal static class Deadline
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    /// <summary>Waits until a condition of another thread holds.</summary>
    public static async Task UntilAsync(Func<bool> condition, string what)
    {
        long start = Environment.TickCount64;
        while (!condition())
        {
            Assert.True(Environment.TickCount64 - start < Limit.TotalMilliseconds, $"waited too long for: {what}");
            await Task.Yield();
        }
    }
}

internal sealed class FakeHeaders : IHeaderSource
{
    public ulong Term { get; set; } = 2;

    public ResponseHeader Header(long revision) => new() { ClusterId = 7, MemberId = 1, Revision = revision, RaftTerm = Term };
}

internal sealed class FakeConsensus : IConsensusStatus, IReadIndexGate
{
    private int _waits;

    public ConsensusStatus Current { get; set; } = new(1, 7, 1, 2, 10, 10, false);

    public Func<ValueTask>? OnWait { get; set; }

    public int Waits => Volatile.Read(ref _waits);

    public ValueTask WaitAsync(CancellationToken cancellation)
    {
        Interlocked.Increment(ref _waits);
        cancellation.ThrowIfCancellationRequested();
        return OnWait?.Invoke() ?? ValueTask.CompletedTask;
    }
}

internal sealed class FakeRequests<T> : IRequestStream<T>
    where T : class
{
    private readonly Channel<T> _channel = Channel.CreateUnbounded<T>();

    public void Send(T request) => Assert.True(_channel.Writer.TryWrite(request));

    public void HalfClose() => _channel.Writer.Complete();

    public void Fail(Exception reason) => _channel.Writer.Complete(reason);

    public async ValueTask<T?> ReadAsync(CancellationToken cancellation) =>
        await _channel.Reader.WaitToReadAsync(cancellation) ? await _channel.Reader.ReadAsync(cancellation) : null;
}

/// <summary>A client's end of a response stream. While closed, the writer waits as behind a full flow-control window.</summary>
internal class FakeResponses<T> : IResponseStream<T>
    where T : class
{
    private readonly Channel<T> _received = Channel.CreateUnbounded<T>();
    private TaskCompletionSource? _closed;

    public Exception? Failure { get; set; }

    public int Waiting => _received.Reader.Count;

    public void CloseWindow() => Volatile.Write(ref _closed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));

    public void OpenWindow() => Interlocked.Exchange(ref _closed, null)?.SetResult();

    public async ValueTask WriteAsync(T message, CancellationToken cancellation)
    {
        if (Failure is not null)
            throw Failure;
        if (Volatile.Read(ref _closed) is { } closed)
            await closed.Task.WaitAsync(cancellation);
        Assert.True(_received.Writer.TryWrite(message));
    }

    public async Task<T> NextAsync() => await _received.Reader.ReadAsync().AsTask().WaitAsync(Deadline.Limit);

    public bool TryNext(out T? message) => _received.Reader.TryRead(out message);
}
