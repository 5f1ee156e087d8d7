using System.Net;
using EtcdNet.Grpc.Transport;
using EtcdNet.Testing;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace EtcdNet.Grpc.Tests;

/// <summary>Old clients put URLs and paths into :authority; Kestrel would reset them, so the guard rewrites them.</summary>
public sealed class AuthorityTests
{
    private const string Url = "http://127.0.0.1:2379";

    private static byte[] Data(int stream) =>
        new Frame(Frame.Data, Frame.EndStream, stream, RawHttp2.RangeBody("a")).Encode();

    private static byte[] Headers(byte[] block, int stream = 1) => new Frame(Frame.Headers, Frame.EndHeaders, stream, block).Encode();

    [Theory]
    [InlineData(Url, true, 0x41)]
    [InlineData(Url, false, 0x41)]
    [InlineData(Url, true, 0x01)]
    [InlineData(Url, true, 0x11)]
    [InlineData("/var/run/etcd.sock", true, 0x41)]
    [InlineData("%2Fvar%2Frun%2Fetcd.sock", true, 0x41)]
    [InlineData("unix:/a=b", true, 0x41)]
    [InlineData("etcd_1:2379", true, 0x41)]
    [InlineData("user@host:1", true, 0x41)]
    [InlineData("a:b:c", false, 0x41)]
    [InlineData("[::1]:2379", true, 0x41)]
    [InlineData("localhost:2379", true, 0x41)]
    [InlineData("", false, 0x41)]
    public async Task Any_authority_is_served(string authority, bool huffman, byte representation)
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, authority, huffman, representation);
        await client.SendAsync(Headers(block), Data(1));
        Assert.Equal(1, (await client.ReadRangeAsync(1)).Header.Revision);
        if (representation != 0x41)
            return;
        // The literal went into the dynamic table: entry 62 must stand for it now.
        byte[] again = [0x83, 0x86, 0x04, .. RawHttp2.PlainString(EchoHost.Range), 0xbe, 0x0f, 0x10, .. RawHttp2.PlainString("application/grpc")];
        await client.SendAsync(Headers(again, 3), Data(3));
        Assert.Equal(1, (await client.ReadRangeAsync(3)).Header.Revision);
    }

    [Fact]
    public async Task Padding_and_priority_are_stepped_over()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, Url, huffman: true);
        byte[] payload = [7, 0, 0, 0, 0, 16, .. block, 0, 0, 0, 0, 0, 0, 0];
        await client.SendAsync(
            new Frame(Frame.Headers, Frame.EndHeaders | Frame.Padded | Frame.Priority, 1, payload).Encode(), Data(1));
        Assert.Equal(1, (await client.ReadRangeAsync(1)).Header.Revision);
    }

    [Fact]
    public async Task A_literal_cut_at_any_byte_by_continuation_is_repaired()
    {
        await using var host = await EchoHost.StartAsync();
        using var client = await RawHttp2.ConnectAsync(host.Port);
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, Url, huffman: true, representation: 0x01);
        int stream = 1;
        for (int cut = 0; cut <= block.Length; cut++, stream += 2)
        {
            await client.SendAsync(
                new Frame(Frame.Headers, 0, stream, block[..cut]).Encode(),
                new Frame(Frame.Continuation, 0, stream, block[cut..]).Encode(),
                new Frame(Frame.Continuation, Frame.EndHeaders, stream, []).Encode(),
                Data(stream));
            Assert.Equal(1, (await client.ReadRangeAsync(stream)).Header.Revision);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Bytes_that_come_one_by_one_are_repaired(bool tls)
    {
        await using var host = await EchoHost.StartAsync(null, Endpoint(tls));
        using var client = await RawHttp2.ConnectAsync(host.Port, tls, preface: false);
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, Url, huffman: true);
        byte[] all =
        [
            .. RawHttp2.Preface,
            .. new Frame(Frame.Headers, 0, 1, block[..20]).Encode(),
            .. new Frame(Frame.Continuation, Frame.EndHeaders, 1, block[20..]).Encode(),
            .. Data(1),
        ];
        foreach (byte b in all)
            await client.SendAsync([b]);
        Assert.Equal(1, (await client.ReadRangeAsync(1)).Header.Revision);
    }

    [Fact]
    public async Task Many_requests_in_one_write_over_tls_are_repaired()
    {
        await using var host = await EchoHost.StartAsync(null, Endpoint(tls: true));
        using var client = await RawHttp2.ConnectAsync(host.Port, tls: true);
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, Url, huffman: true, representation: 0x01);
        // Several kilobytes: header blocks straddle the pipe's memory segments.
        await client.SendAsync(Enumerable.Range(0, 100).SelectMany(i => Headers(block, (i * 2) + 1).Concat(Data((i * 2) + 1))).ToArray());
        int ended = 0;
        while (ended < 100)
        {
            var frame = await client.ReadAsync(Frame.Headers, Frame.Reset, Frame.GoAway);
            Assert.NotNull(frame);
            Assert.Equal(Frame.Headers, frame.Type);
            ended += frame.Flags & Frame.EndStream;
        }
    }

    [Fact]
    public void The_huffman_code_is_that_of_the_RFC()
    {
        // RFC 7541, C.4.1 and C.4.3.
        Assert.Equal("F1E3C2E5F23A6BA0AB90F4FF", Convert.ToHexString(RawHttp2.Huffman("www.example.com")));
        Assert.Equal("25A849E95BA97D7F", Convert.ToHexString(RawHttp2.Huffman("custom-key")));
        Span<byte> text = stackalloc byte[64];
        Assert.Equal(15, HpackHuffman.Decode(RawHttp2.Huffman("www.example.com"), text));
        Assert.Equal("www.example.com"u8, text[..15]);
        Assert.Equal(-1, HpackHuffman.Decode([0xff, 0xff, 0xff, 0xff], text));
    }

    [Fact]
    public void Stand_ins_have_the_length_of_what_they_replace()
    {
        for (int length = 5; length <= 30; length++)
        {
            if (HpackHuffman.HostByteOfLength(length) is not { } stand)
                continue;
            Assert.Equal(length, HpackHuffman.CodeLength(stand));
            Assert.True(HostName.IsHostByte(stand));
        }
    }

    [Fact]
    public void Random_blocks_never_throw_and_keep_their_length()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, Url, huffman: true);
        for (int i = 0; i < 100_000; i++)
        {
            byte[] broken = block[..random.Next(block.Length + 1)];
            for (int n = random.Next(4); n > 0 && broken.Length > 0; n--)
                broken[random.Next(broken.Length)] = (byte)random.Next(256);
            var error = Record.Exception(() => AuthorityRepair.Repair(broken));
            Assert.True(error is null, $"seed {seed}: {error}");
        }
    }

    [Fact]
    public void A_good_block_is_left_alone()
    {
        byte[] block = RawHttp2.HeaderBlock(EchoHost.Range, "localhost:2379", huffman: true);
        byte[] copy = [.. block];
        Assert.False(AuthorityRepair.Repair(block));
        Assert.Equal(copy, block);
    }

    private static GrpcEndpoint Endpoint(bool tls) => new()
    {
        Address = new IPEndPoint(IPAddress.Loopback, 0),
        Tls = tls ? new HttpsConnectionAdapterOptions { ServerCertificate = TestCertificate.Server } : null,
    };
}
