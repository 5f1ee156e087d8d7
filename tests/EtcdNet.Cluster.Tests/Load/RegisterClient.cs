using System.Diagnostics;
using System.Globalization;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Histories;
using EtcdNet.Testing.Simulated;
using Google.Protobuf;

namespace EtcdNet.Cluster.Tests.Load;

/// <summary>
/// One client: an operation after the other on shared registers, at one member until a call fails, then at the next. It never
/// repeats a write whose outcome it does not know. One task.
/// </summary>
internal sealed class RegisterClient(string name, int seed, Endpoints endpoints, Registers registers, LoadProgress progress) : IDisposable
{
    private static readonly TimeSpan _callLimit = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan _pace = TimeSpan.FromMilliseconds(8);
    private readonly Random _random = new(seed);
    private int _turn = seed;
    private int _calls;
    private EtcdClient? _client;

    /// <summary>What it did; read it when <see cref="RunAsync"/> has ended.</summary>
    public List<ClientOperation> Operations { get; } = [];

    /// <summary>Works until it is told to stop; the call in progress is awaited.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        using var timer = new PeriodicTimer(_pace);
        while (!stop.IsCancellationRequested)
        {
            await StepAsync();
            await timer.WaitForNextTickAsync(CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _client?.Dispose();

    private async Task StepAsync()
    {
        // Now and then elsewhere without need, so that every member gets its share.
        if (++_calls % 100 == 0)
            MoveOn();
        _client ??= new EtcdClient(endpoints.Choose(_turn));
        (string key, int slot) = registers.Choose(_random);
        int kind = _random.Next(100);
        long value = kind < 45 ? 0 : Registers.NextValue();
        long expected = kind is >= 75 ? registers.Guess(slot) : 0;
        RegisterAction action = kind switch { < 40 => RegisterAction.Read, < 75 => RegisterAction.Write, _ => RegisterAction.Swap };
        var asked = new RegisterOperation(name, action, value, expected, Stopwatch.GetTimestamp(), long.MaxValue);
        try
        {
            using var limit = new CancellationTokenSource(_callLimit);
            ClientOperation? done = action switch
            {
                RegisterAction.Read => await ReadAsync(key, asked, isSerializable: kind < 5, limit.Token),
                RegisterAction.Write when value == 0 => await DeleteAsync(key, asked, limit.Token),
                RegisterAction.Write => await PutAsync(key, asked, limit.Token),
                _ => await SwapAsync(key, asked, limit.Token),
            };
            if (done is null)
            {
                Leave(key, asked);
                return;
            }

            Operations.Add(done);
            registers.Saw(slot, done.Register.Value);
            progress.Acknowledged(done.IsWrite);
        }
        catch (Exception error) when (CallFailure.IsBroken(error))
        {
            if (CallFailure.IsUnsent(error))
                MoveOn();
            else
                Leave(key, asked);
        }
    }

    private async Task<ClientOperation?> ReadAsync(string key, RegisterOperation asked, bool isSerializable, CancellationToken cancellation)
    {
        var request = new RangeRequest { Key = ByteString.CopyFromUtf8(key), Serializable = isSerializable };
        RangeResponse? answer = Answer(await _client!.RangeAsync(request, cancellation));
        return answer is null ? null : Done(key, asked with { Value = ValueOf(answer) }, answer.Header) with { IsSerializable = isSerializable };
    }

    private async Task<ClientOperation?> PutAsync(string key, RegisterOperation asked, CancellationToken cancellation)
    {
        PutResponse? answer = Answer(await _client!.PutAsync(new PutRequest { Key = ByteString.CopyFromUtf8(key), Value = Text(asked.Value) }, cancellation));
        return answer is null ? null : Done(key, asked, answer.Header);
    }

    private async Task<ClientOperation?> DeleteAsync(string key, RegisterOperation asked, CancellationToken cancellation)
    {
        DeleteRangeResponse? answer = Answer(await _client!.DeleteAsync(new DeleteRangeRequest { Key = ByteString.CopyFromUtf8(key) }, cancellation));
        return answer is null ? null : Done(key, answer.Deleted == 0 ? asked with { Action = RegisterAction.Read } : asked, answer.Header);
    }

    private async Task<ClientOperation?> SwapAsync(string key, RegisterOperation asked, CancellationToken cancellation)
    {
        ByteString bytes = ByteString.CopyFromUtf8(key);
        var request = new TxnRequest();
        request.Compare.Add(asked.Expected == 0
            ? new Compare { Key = bytes, Target = Compare.Types.CompareTarget.Create, Result = Compare.Types.CompareResult.Equal, CreateRevision = 0 }
            : new Compare { Key = bytes, Target = Compare.Types.CompareTarget.Value, Result = Compare.Types.CompareResult.Equal, Value = Text(asked.Expected) });
        request.Success.Add(new RequestOp { RequestPut = new PutRequest { Key = bytes, Value = Text(asked.Value) } });
        request.Failure.Add(new RequestOp { RequestRange = new RangeRequest { Key = bytes } });
        TxnResponse? answer = Answer(await _client!.TxnAsync(request, cancellation));
        if (answer is null)
            return null;
        return answer.Succeeded
            ? Done(key, asked, answer.Header)
            : Done(key, asked with { Action = RegisterAction.Read, Value = ValueOf(answer.Responses[0].ResponseRange) }, answer.Header);
    }

    /// <summary>Null when the server could not do it, or does not know whether it did.</summary>
    /// <exception cref="HistoryException">An answer that no fault explains.</exception>
    private T? Answer<T>(GrpcReply<T> reply)
        where T : class => reply.Status switch
        {
            GrpcStatus.OK => reply.Answer,
            GrpcStatus.Unavailable or GrpcStatus.DeadlineExceeded or GrpcStatus.ResourceExhausted or GrpcStatus.Canceled => null,
            // The real one's word for a write that comes while the leadership is moved.
            GrpcStatus.Unknown when reply.Message == "raft proposal dropped" => null,
            _ => throw new HistoryException($"{name} was refused with {reply.Status}: {reply.Message}"),
        };

    private void Leave(string key, RegisterOperation asked)
    {
        if (asked.Action != RegisterAction.Read)
            Operations.Add(new ClientOperation(key, asked, 0));
        MoveOn();
    }

    private void MoveOn()
    {
        _client?.Dispose();
        _client = null;
        _turn++;
    }

    private static ClientOperation Done(string key, RegisterOperation asked, ResponseHeader header) =>
        new(key, asked with { Returned = Stopwatch.GetTimestamp() }, header.Revision);

    private static ByteString Text(long value) => ByteString.CopyFromUtf8(value.ToString(CultureInfo.InvariantCulture));

    private static long ValueOf(RangeResponse answer) => answer.Kvs.Count == 0 ? 0 : long.Parse(answer.Kvs[0].Value.ToStringUtf8(), CultureInfo.InvariantCulture);
}
