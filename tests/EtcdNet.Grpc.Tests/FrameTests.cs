using System.Buffers.Binary;
using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

/// <summary>What only frames can show: pings, garbage, resets, flow control.</summary>
public sealed class FrameTests
{
    private static readonly byte[] Ping = new Frame(Frame.Ping, 0, 0, new byte[8]).Encode();

    private static byte[] Call(string path, int stream) => new Frame(
        Frame.Headers, Frame.EndHeaders, stream, RawHttp2.HeaderBlock(path, "localhost", huffman: false, representation: 0x01)).Encode();

    private static byte[] Data(int stream, byte[] body, bool end = true) =>
        new Frame(Frame.Data, end ? Frame.EndStream : (byte)0, stream, body).Encode();

    [Fact]
    public async Task Too_many_pings_are_answered_with_enhance_your_calm_and_the_end()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        await client.SendAsync(Ping, Ping, Ping, Ping);
        var away = await client.ReadAsync(Frame.GoAway);
        Assert.NotNull(away);
        Assert.Equal(11, BinaryPrimitives.ReadInt32BigEndian(away.Payload.AsSpan(4)));
        Assert.Equal("too_many_pings", Encoding.ASCII.GetString(away.Payload.AsSpan(8)));
        Assert.Null(await client.ReadAsync());
    }

    [Fact]
    public async Task Too_many_pings_on_an_open_stream_end_it()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        await client.SendAsync(Call(EchoHost.Watch, 1));
        Assert.NotNull(await client.ReadAsync(Frame.Headers));
        for (int i = 0; i < 5; i++)
            await client.SendAsync(Ping);
        var away = await client.ReadAsync(Frame.GoAway);
        Assert.NotNull(away);
        Assert.Equal("too_many_pings", Encoding.ASCII.GetString(away.Payload.AsSpan(8)));
        Assert.Null(await client.ReadAsync());
        await Eventually.TrueAsync(() => host.OpenWatches == 0, "the watch of a cut connection ends");
    }

    [Fact]
    public async Task Pings_that_follow_answers_are_no_offence()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        for (int stream = 1; stream < 41; stream += 2)
        {
            await client.SendAsync(Call(EchoHost.Range, stream), Data(stream, RawHttp2.RangeBody("a")));
            await client.ReadRangeAsync(stream);
            await client.SendAsync(Ping);
            Assert.Equal(Frame.Ping, (await client.ReadAsync(Frame.Ping, Frame.GoAway))!.Type);
        }
    }

    [Fact]
    public async Task Permitted_pings_are_all_answered()
    {
        await using var host = await EchoHost.StartAsync(
            new GrpcServerOptions { KeepaliveMinTime = TimeSpan.Zero, KeepalivePermitWithoutStream = true });
        using var client = await RawHttp2.ConnectAsync(host.Port);
        for (int i = 0; i < 50; i++)
        {
            await client.SendAsync(Ping);
            Assert.Equal(Frame.Ping, (await client.ReadAsync(Frame.Ping, Frame.GoAway))!.Type);
        }
    }

    [Fact]
    public async Task Garbage_frames_end_their_connection_and_nothing_else()
    {
        await using var host = await EchoHost.StartAsync();
        int seed = TestSeed.Next();
        var random = new Random(seed);
        for (int i = 0; i < 30; i++)
        {
            byte[] garbage = new byte[random.Next(1, 5000)];
            random.NextBytes(garbage);
            using var client = await RawHttp2.ConnectAsync(host.Port);
            try
            {
                await client.SendAsync(garbage);
            }
            catch (IOException)
            {
                // The server may have cut the connection already.
            }
        }

        using var sane = new GrpcClient(host.Url);
        var range = await sane.UnaryAsync(EchoHost.Range, new RangeRequest(), RangeResponse.Parser);
        Assert.True(range.Code == 0, $"seed {seed}");
    }

    [Fact]
    public async Task A_header_block_without_end_is_refused_and_not_hoarded()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] chunk = new Frame(Frame.Continuation, 0, 1, new byte[16000]).Encode();
        var sending = SendForeverAsync();
        var frame = await client.ReadAsync(Frame.GoAway, Frame.Reset);
        Assert.True(frame is null || frame.Type == Frame.GoAway);
        await sending.InTimeAsync();

        async Task<bool> SendForeverAsync()
        {
            try
            {
                await client.SendAsync(new Frame(Frame.Headers, 0, 1, []).Encode());
                for (int i = 0; i < 10_000; i++)
                    await client.SendAsync(chunk);
                return false;
            }
            catch (IOException)
            {
                return true;
            }
        }
    }

    [Fact]
    public async Task A_reset_drops_the_waiter()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        await client.SendAsync(Call(EchoHost.Wait, 1), Data(1, RawHttp2.RangeBody("a")));
        await Eventually.TrueAsync(() => host.OpenWaits == 1, "the call waits");
        await client.SendAsync(new Frame(Frame.Reset, 0, 1, [0, 0, 0, 8]));
        await Eventually.TrueAsync(() => host.OpenWaits == 0, "the reset ends the wait");
    }

    [Fact]
    public async Task A_lost_connection_drops_the_waiters()
    {
        await using var host = await EchoHost.StartAsync();
        using (var client = await RawHttp2.ConnectAsync(host.Port))
        {
            await client.SendAsync(Call(EchoHost.Wait, 1), Data(1, RawHttp2.RangeBody("a")), Call(EchoHost.Watch, 3));
            await Eventually.TrueAsync(() => host.OpenWaits == 1 && host.OpenWatches == 1, "both calls run");
        }

        await Eventually.TrueAsync(() => host.OpenWaits == 0 && host.OpenWatches == 0, "both calls end");
    }

    [Fact]
    public async Task A_unary_answer_waits_for_the_end_of_the_request()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] body = RawHttp2.RangeBody("a");
        await client.SendAsync(Call(EchoHost.Range, 1), Data(1, body[..3], end: false));
        await client.SendAsync(Data(1, body[3..], end: false), Ping);
        Assert.Equal(Frame.Ping, (await client.ReadAsync(Frame.Ping, Frame.Headers))!.Type);
        await client.SendAsync(Data(1, [], end: true));
        Assert.Equal(1, (await client.ReadRangeAsync(1)).Header.Revision);
    }

    [Fact]
    public async Task A_reader_that_takes_nothing_stops_the_writer()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] block =
        [
            .. RawHttp2.HeaderBlock(EchoHost.Snapshot, "localhost", huffman: false),
            0x00, .. RawHttp2.PlainString("count"), .. RawHttp2.PlainString("1000"),
            0x00, .. RawHttp2.PlainString("size"), .. RawHttp2.PlainString("10000"),
        ];
        await client.SendAsync(
            new Frame(Frame.Headers, Frame.EndHeaders, 1, block).Encode(), Data(1, GrpcClient.Frame(new SnapshotRequest().ToByteArray())));
        int taken = 0;
        while (taken < 65_535)
            taken += (await client.ReadAsync(Frame.Data))!.Payload.Length;
        await client.SendAsync(Ping);
        Assert.Equal(Frame.Ping, (await client.ReadAsync(Frame.Ping, Frame.Data))!.Type);
        // One window and one buffer of 64 KiB hold 13 messages of 10 kB; 1,000 are waiting.
        Assert.InRange(host.SnapshotsWritten, 5, 15);
        byte[] grow = [0x40, 0, 0, 0];
        await client.SendAsync(
            new Frame(Frame.WindowUpdate, 0, 1, grow), new Frame(Frame.WindowUpdate, 0, 0, grow));
        Frame? frame;
        do
            frame = await client.ReadAsync(Frame.Data, Frame.Headers);
        while ((frame!.Flags & Frame.EndStream) == 0);
        Assert.Equal(1000, host.SnapshotsWritten);
    }
}
