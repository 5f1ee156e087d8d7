using System.Collections.Concurrent;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

public sealed class ObserverTests
{
    private sealed class Recorder : IGrpcObserver
    {
        public ConcurrentQueue<string> Lines { get; } = new();

        public void CallStarted(GrpcMethod method) => Lines.Enqueue($"started {method.Service} {method.Name} {method.Kind}");

        public void MessageReceived(GrpcMethod method, int bytes) => Lines.Enqueue($"received {bytes}");

        public void MessageSent(GrpcMethod method, int bytes) => Lines.Enqueue($"sent {bytes}");

        public void CallHandled(GrpcMethod method, GrpcStatusCode code, TimeSpan elapsed)
        {
            Assert.True(elapsed >= TimeSpan.Zero);
            Lines.Enqueue($"handled {code}");
        }

        public void HandlerFailed(GrpcMethod method, Exception error) => Lines.Enqueue($"failed {error.Message}");
    }

    private static RangeRequest Key(string key) => new() { Key = ByteString.CopyFromUtf8(key) };

    [Fact]
    public async Task A_unary_call_is_told_step_by_step()
    {
        var recorder = new Recorder();
        await using var host = await EchoHost.StartAsync(new GrpcServerOptions { Observer = recorder });
        using var client = new GrpcClient(host.Url);
        await client.UnaryAsync(EchoHost.Range, Key("a"), RangeResponse.Parser);
        await client.UnaryAsync(EchoHost.Throw, Key("5:x"), RangeResponse.Parser);
        await client.UnaryAsync(EchoHost.Throw, Key("x"), RangeResponse.Parser);
        await client.UnaryAsync("/no.Such/Thing", Key("x"), RangeResponse.Parser);
        await Eventually.TrueAsync(() => recorder.Lines.Count >= 11, "all lines");
        Assert.Equal(
            [
                "started etcdserverpb.KV Range Unary", "received 3", "sent 4", "handled OK",
                "started test.Control Throw Unary", "received 5", "handled NotFound",
                "started test.Control Throw Unary", "received 3", "failed a plain failure", "handled Unknown",
            ],
            recorder.Lines);
    }

    [Fact]
    public async Task A_cancelled_stream_is_handled_once_as_canceled()
    {
        var recorder = new Recorder();
        await using var host = await EchoHost.StartAsync(new GrpcServerOptions { Observer = recorder });
        using var client = new GrpcClient(host.Url);
        var stream = await client.OpenAsync(EchoHost.Watch);
        stream.Write(new WatchRequest { CreateRequest = new WatchCreateRequest { WatchId = 1 } });
        Assert.NotNull(await stream.ReadAsync(WatchResponse.Parser));
        stream.Cancel();
        await Eventually.TrueAsync(() => recorder.Lines.Count >= 4, "the end of the call");
        Assert.Equal(["started etcdserverpb.Watch Watch Duplex", "received 4", "sent 4", "handled Canceled"], recorder.Lines);
    }
}
