using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using EtcdNet.Grpc.Transport;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Grpc.Tests;

internal sealed record Frame(byte Type, byte Flags, int Stream, byte[] Payload)
{
    public const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7, WindowUpdate = 8, Continuation = 9;
    public const byte EndStream = 1, Ack = 1, EndHeaders = 4, Padded = 8, Priority = 0x20;

    public byte[] Encode()
    {
        byte[] bytes = new byte[9 + Payload.Length];
        bytes[0] = (byte)(Payload.Length >> 16);
        BinaryPrimitives.WriteUInt16BigEndian(bytes.AsSpan(1), (ushort)Payload.Length);
        bytes[3] = Type;
        bytes[4] = Flags;
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(5), Stream);
        Payload.CopyTo(bytes, 9);
        return bytes;
    }
}

/// <summary>An HTTP/2 client that sends exactly the bytes it is told to.</summary>
internal sealed class RawHttp2 : IDisposable
{
    private readonly TcpClient _tcp;
    private readonly Stream _stream;

    private RawHttp2(TcpClient tcp, Stream stream)
    {
        _tcp = tcp;
        _stream = stream;
    }

    public static byte[] Preface => [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. new Frame(Frame.Settings, 0, 0, []).Encode()];

    public static async Task<RawHttp2> ConnectAsync(int port, bool tls = false, bool preface = true)
    {
        var tcp = new TcpClient { NoDelay = true };
        await tcp.ConnectAsync(IPAddress.Loopback, port);
        Stream stream = tcp.GetStream();
        if (tls)
        {
            var secure = new SslStream(stream);
            await secure.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
            {
                TargetHost = "localhost",
                ApplicationProtocols = [SslApplicationProtocol.Http2],
                RemoteCertificateValidationCallback = (_, certificate, _, _) => TestCertificate.IsServer(certificate),
            });
            stream = secure;
        }

        var client = new RawHttp2(tcp, stream);
        if (preface)
            await client.SendAsync(Preface);
        return client;
    }

    /// <summary>A POST for a gRPC method, with one literal :authority.</summary>
    public static byte[] HeaderBlock(string path, string authority, bool huffman, byte representation = 0x41) =>
    [
        0x83, 0x86, 0x04, .. PlainString(path), representation, .. huffman ? HuffmanString(authority) : PlainString(authority),
        0x0f, 0x10, .. PlainString("application/grpc"), 0x00, .. PlainString("te"), .. PlainString("trailers"),
    ];

    public static byte[] PlainString(string text)
    {
        Assert.InRange(text.Length, 0, 126);
        return [(byte)text.Length, .. Encoding.Latin1.GetBytes(text)];
    }

    public static byte[] HuffmanString(string text)
    {
        byte[] coded = Huffman(text);
        Assert.InRange(coded.Length, 0, 126);
        return [(byte)(0x80 | coded.Length), .. coded];
    }

    public static byte[] Huffman(string text)
    {
        int bits = text.Sum(c => HpackHuffman.CodeLength((byte)c));
        byte[] coded = new byte[(bits + 7) / 8];
        Array.Fill(coded, (byte)0xff);
        int at = 0;
        foreach (char c in text)
        {
            HpackHuffman.Overwrite(coded, at, (byte)c);
            at += HpackHuffman.CodeLength((byte)c);
        }

        return coded;
    }

    public static byte[] RangeBody(string key) =>
        GrpcClient.Frame(new RangeRequest { Key = ByteString.CopyFromUtf8(key) }.ToByteArray());

    public Task SendAsync(params byte[][] parts) => _stream.WriteAsync(parts.SelectMany(part => part).ToArray()).AsTask();

    public Task SendAsync(params Frame[] frames) => SendAsync(frames.Select(frame => frame.Encode()).ToArray());

    /// <summary>The next frame, or null when the server closed.</summary>
    public async Task<Frame?> ReadAsync()
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        byte[] header = new byte[9];
        try
        {
            if (await _stream.ReadAtLeastAsync(header, 9, throwOnEndOfStream: false, limit.Token) < 9)
                return null;
            byte[] payload = new byte[(header[0] << 16) | BinaryPrimitives.ReadUInt16BigEndian(header.AsSpan(1))];
            await _stream.ReadExactlyAsync(payload, limit.Token);
            return new Frame(header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>The next frame of one of these types; others are skipped.</summary>
    public async Task<Frame?> ReadAsync(params byte[] types)
    {
        while (true)
        {
            var frame = await ReadAsync();
            if (frame is null || types.Contains(frame.Type))
                return frame;
        }
    }

    /// <summary>The answer of a unary call on a stream; fails on a reset.</summary>
    public async Task<RangeResponse> ReadRangeAsync(int stream)
    {
        using var body = new MemoryStream();
        while (true)
        {
            var frame = await ReadAsync(Frame.Data, Frame.Headers, Frame.Reset, Frame.GoAway);
            Assert.NotNull(frame);
            Assert.True(frame.Type is Frame.Data or Frame.Headers, $"frame type {frame.Type} code {frame.Payload[^1]}");
            Assert.Equal(stream, frame.Stream);
            if (frame.Type == Frame.Data)
                body.Write(frame.Payload);
            if ((frame.Flags & Frame.EndStream) != 0)
                return RangeResponse.Parser.ParseFrom(body.ToArray().AsSpan(5));
        }
    }

    public void Dispose()
    {
        _stream.Dispose();
        _tcp.Dispose();
    }
}
