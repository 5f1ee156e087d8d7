using System.Collections.Concurrent;
using System.Net;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;

namespace EtcdNet.Grpc.Tests;

/// <summary>A host with one method of each kind over a dictionary, and an HTTP fallback that says what it got.</summary>
internal sealed class EchoHost : IAsyncDisposable
{
    public const string Range = "/etcdserverpb.KV/Range";
    public const string Put = "/etcdserverpb.KV/Put";
    public const string Watch = "/etcdserverpb.Watch/Watch";
    public const string Snapshot = "/etcdserverpb.Maintenance/Snapshot";
    public const string Collect = "/test.Streams/Collect";
    public const string Wait = "/test.Control/Wait";
    public const string Throw = "/test.Control/Throw";
    public const string Inspect = "/test.Control/Inspect";

    private readonly ConcurrentDictionary<ByteString, ByteString> _values = new();
    private readonly ConcurrentDictionary<string, bool> _peers = new();
    private int _watches;
    private int _waits;
    private int _snapshots;

    private EchoHost(GrpcServerOptions options, IEnumerable<GrpcEndpoint> endpoints)
    {
        Options = options;
        Host = new GrpcHost(options, endpoints, Methods(), FallBackAsync);
    }

    public GrpcServerOptions Options { get; }

    public GrpcHost Host { get; }

    /// <summary>Lets the calls of <see cref="Wait"/> go.</summary>
    public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public int SnapshotsWritten => Volatile.Read(ref _snapshots);

    /// <summary>Distinct peers seen by watches.</summary>
    public int Connections => _peers.Count;

    public int OpenWatches => Volatile.Read(ref _watches);

    public int OpenWaits => Volatile.Read(ref _waits);

    public int Port => ((IPEndPoint)Host.BoundEndPoints[0]).Port;

    public string Url => $"http://127.0.0.1:{Port}";

    public static Task<EchoHost> StartAsync(GrpcServerOptions? options = null) =>
        StartAsync(options, new GrpcEndpoint { Address = new IPEndPoint(IPAddress.Loopback, 0) });

    public static async Task<EchoHost> StartAsync(GrpcServerOptions? options, params GrpcEndpoint[] endpoints)
    {
        var host = new EchoHost(options ?? new GrpcServerOptions { ShutdownMessage = "etcdserver: server stopped" }, endpoints);
        await host.Host.StartAsync();
        return host;
    }

    public byte[] Value(string key) => _values[ByteString.CopyFromUtf8(key)].ToByteArray();

    public ValueTask DisposeAsync() => Host.DisposeAsync();

    private static async Task FallBackAsync(HttpContext context)
    {
        using var body = new StreamReader(context.Request.Body);
        string text = await body.ReadToEndAsync();
        await context.Response.WriteAsync($"{context.Request.Protocol} {context.Request.Method} {context.Request.Path} {text}");
    }

    private IEnumerable<GrpcMethod> Methods() =>
    [
        GrpcMethod.Unary(Range, RangeRequest.Parser, RangeAsync),
        GrpcMethod.Unary(Put, PutRequest.Parser, PutAsync),
        GrpcMethod.ServerStreaming<SnapshotRequest, SnapshotResponse>(Snapshot, SnapshotRequest.Parser, SnapshotAsync),
        GrpcMethod.Duplex<WatchRequest, WatchResponse>(Watch, WatchRequest.Parser, WatchAsync),
        GrpcMethod.ClientStreaming(Collect, PutRequest.Parser, CollectAsync),
        GrpcMethod.Unary(Wait, RangeRequest.Parser, WaitAsync),
        GrpcMethod.Unary<RangeRequest, RangeResponse>(Throw, RangeRequest.Parser, ThrowAsync),
        GrpcMethod.Unary(Inspect, RangeRequest.Parser, InspectAsync),
    ];

    private ValueTask<RangeResponse> RangeAsync(RangeRequest request, GrpcCall call)
    {
        var response = new RangeResponse { Header = new ResponseHeader { Revision = 1 } };
        if (_values.TryGetValue(request.Key, out var value))
        {
            response.Kvs.Add(new KeyValue { Key = request.Key, Value = value });
            response.Count = 1;
        }

        return ValueTask.FromResult(response);
    }

    private async ValueTask<PutResponse> PutAsync(PutRequest request, GrpcCall call)
    {
        await Task.Yield();
        _values[request.Key] = request.Value;
        return new PutResponse { Header = new ResponseHeader { Revision = 1 } };
    }

    /// <summary>The key names the error: a code number, a colon, the text; or nothing: a plain exception.</summary>
    private static ValueTask<RangeResponse> ThrowAsync(RangeRequest request, GrpcCall call)
    {
        string key = request.Key.ToStringUtf8();
        int colon = key.IndexOf(':');
        throw colon < 0
            ? new InvalidOperationException("a plain failure")
            : new GrpcStatusException((GrpcStatusCode)int.Parse(key[..colon]), key[(colon + 1)..]);
    }

    private async ValueTask<RangeResponse> WaitAsync(RangeRequest request, GrpcCall call)
    {
        Interlocked.Increment(ref _waits);
        try
        {
            await Gate.Task.WaitAsync(call.Cancellation);
            return new RangeResponse { Count = 7 };
        }
        finally
        {
            Interlocked.Decrement(ref _waits);
        }
    }

    /// <summary>Answers with what the call shows of itself.</summary>
    private static ValueTask<RangeResponse> InspectAsync(RangeRequest request, GrpcCall call)
    {
        var response = new RangeResponse();
        foreach (string? text in new[]
        {
            call.Metadata("token") ?? "none", call.Peer, call.Deadline is null ? "none" : "deadline", call.Method.Path,
            call.ClientCertificate?.Subject ?? "none",
        })
        {
            response.Kvs.Add(new KeyValue { Key = ByteString.CopyFromUtf8(text) });
        }

        return ValueTask.FromResult(response);
    }

    /// <summary>As many responses as the header key "count" says, each with a blob of "size" bytes.</summary>
    private async Task SnapshotAsync(SnapshotRequest request, GrpcCall call, GrpcWriter<SnapshotResponse> writer)
    {
        int count = int.Parse(call.Metadata("count") ?? "3");
        int size = int.Parse(call.Metadata("size") ?? "10");
        if (count < 0)
            throw new GrpcStatusException(GrpcStatusCode.FailedPrecondition, "no snapshot");
        var message = new SnapshotResponse { Blob = ByteString.CopyFrom(new byte[size]) };
        if (call.Metadata("misuse") is not null)
            Misuse(writer, message);
        if (call.Metadata("unflushed") is not null)
            writer.Append(message);
        for (int i = 0; i < count; i++)
        {
            await writer.WriteAsync(message);
            Interlocked.Increment(ref _snapshots);
        }

        if (call.Metadata("fail") is { } text)
            throw new GrpcStatusException(GrpcStatusCode.DataLoss, text);
    }

    /// <summary>Goes on writing while a flush is waiting.</summary>
    private static void Misuse(GrpcWriter<SnapshotResponse> writer, SnapshotResponse message)
    {
        while (writer.WriteAsync(message).AsTask().IsCompleted)
        {
        }

        writer.Append(message);
    }

    private async Task WatchAsync(GrpcReader<WatchRequest> reader, GrpcCall call, GrpcWriter<WatchResponse> writer)
    {
        _peers[call.Peer] = true;
        Interlocked.Increment(ref _watches);
        try
        {
            while (await reader.ReadAsync() is { } request)
            {
                var response = new WatchResponse { WatchId = request.CreateRequest?.WatchId ?? -1, Created = true };
                if (response.WatchId % 2 == 0)
                    await writer.WriteAsync(response);
                else
                    await writer.WriteRawAsync(response.ToByteArray());
            }
        }
        finally
        {
            Interlocked.Decrement(ref _watches);
        }
    }

    private async ValueTask<RangeResponse> CollectAsync(GrpcReader<PutRequest> reader, GrpcCall call)
    {
        var response = new RangeResponse();
        while (await reader.ReadAsync() is { } put)
            response.Kvs.Add(new KeyValue { Key = put.Key });
        response.Count = response.Kvs.Count;
        return response;
    }
}
