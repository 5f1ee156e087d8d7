using System.Buffers.Binary;
using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Garbage;

/// <summary>Bytes that no client should send: noise, and things that are nearly right, which get further in.</summary>
internal sealed class GarbageMaker(Random random)
{
    private static readonly byte[] _preface = Encoding.ASCII.GetBytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    private static readonly string[] _methods =
    [
        "/etcdserverpb.KV/Range", "/etcdserverpb.KV/Txn", "/etcdserverpb.KV/DeleteRange", "/etcdserverpb.KV/Compact", "/etcdserverpb.Watch/Watch",
        "/etcdserverpb.Lease/LeaseKeepAlive", "/etcdserverpb.Lease/LeaseGrant", "/etcdserverpb.Maintenance/Status", "/etcdserverpb.KV/Nope", "/nope", "",
    ];

    private static readonly string[] _paths =
    [
        "/v3/kv/range", "/v3/kv/txn", "/v3/watch", "/v3/lease/keepalive", "/v3/lease/grant", "/v3beta/kv/range", "/version", "/metrics", "/health",
        "/readyz?exclude=%", "/%", "/%00", "//", "/../../etc/passwd", "*", "http://[::1", "/v3/" + new string('a', 9_000), "/raft", "/raft/stream/message/x", "/members",
    ];

    private static readonly string[] _json =
    [
        "{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"limit\":\"10\"}", "{\"create_request\":{\"key\":\"YQ==\",\"start_revision\":\"-1\"}}",
        "{\"compare\":[{\"key\":\"YQ==\"}],\"success\":[{\"request_range\":{\"key\":\"YQ==\"}}]}", "{\"ID\":\"1\",\"TTL\":\"-1\"}",
    ];

    /// <summary>What one connection sends.</summary>
    public byte[] Next() => random.Next(6) switch
    {
        0 => Noise(random.Next(1, 5_000)),
        1 => [.. _preface, .. Frames()],
        2 => [.. _preface, .. Calls()],
        3 => Http(),
        4 => WebSocket(),
        _ => Mutate(random.Next(2) == 0 ? Http() : [.. _preface, .. Calls()]),
    };

    private byte[] Noise(int length)
    {
        var bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private byte[] Mutate(byte[] bytes)
    {
        for (var i = random.Next(1, 10); i > 0; i--)
            bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
        return random.Next(3) == 0 ? bytes[..random.Next(bytes.Length)] : bytes;
    }

    /// <summary>Frames of any type with any flags on any stream.</summary>
    private byte[] Frames()
    {
        var bytes = new List<byte>(Frame(4, 0, 0, []));
        for (var i = random.Next(1, 30); i > 0; i--)
            bytes.AddRange(Frame((byte)random.Next(12), (byte)random.Next(256), random.Next(5), Noise(random.Next(60))));
        return [.. bytes];
    }

    /// <summary>gRPC calls with good headers, mostly, and bad messages, mostly.</summary>
    private byte[] Calls()
    {
        var bytes = new List<byte>(Frame(4, 0, 0, []));
        for (var stream = 1; stream < random.Next(2, 60); stream += 2)
        {
            bytes.AddRange(Frame(1, 4, stream, Headers(_methods[random.Next(_methods.Length)])));
            var message = Message();
            bytes.AddRange(Frame(0, (byte)random.Next(2), stream, message[..Math.Min(message.Length, 16_000)]));
            if (random.Next(4) == 0)
                bytes.AddRange(Frame(3, 0, stream, [0, 0, 0, (byte)random.Next(14)]));
        }

        return [.. bytes];
    }

    private byte[] Message()
    {
        var good = new TxnRequest();
        good.Success.Add(new RequestOp { RequestRange = new RangeRequest { Key = ByteString.CopyFrom(Noise(10)), Limit = random.Next() } });
        var body = random.Next(4) switch
        {
            0 => Noise(random.Next(200)),
            1 => Nested(random.Next(1, 5_000)),
            2 => Mutate(good.ToByteArray()),
            _ => good.ToByteArray(),
        };
        var frame = new byte[5 + body.Length];
        frame[0] = (byte)(random.Next(8) == 0 ? random.Next(256) : 0);
        var length = random.Next(6) == 0 ? random.Next(int.MinValue, int.MaxValue) : body.Length;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), length);
        body.CopyTo(frame, 5);
        return frame;
    }

    /// <summary>Groups in groups: deep, and nothing in them.</summary>
    private static byte[] Nested(int depth) => [.. Enumerable.Repeat((byte)0x0b, depth), .. Enumerable.Repeat((byte)0x0c, depth)];

    private byte[] Headers(string path)
    {
        var block = new List<byte>();
        Field(":method", random.Next(10) == 0 ? "GET" : "POST");
        Field(":scheme", "http");
        Field(":path", path);
        Field(":authority", random.Next(10) == 0 ? "http://[::1/%" : "127.0.0.1");
        Field("content-type", random.Next(10) == 0 ? "application/grpc+?" : "application/grpc");
        Field("te", "trailers");
        if (random.Next(5) == 0)
            Field("grpc-timeout", new[] { "1n", "99999999H", "-1S", "S", "1" }[random.Next(5)]);
        if (random.Next(5) == 0)
            Field("grpc-encoding", new[] { "gzip", "br", "" }[random.Next(3)]);
        if (random.Next(5) == 0)
            Field("token", new string('x', random.Next(120)));
        return [.. block];

        void Field(string name, string value)
        {
            block.AddRange([0, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), (byte)Math.Min(value.Length, 126), .. Encoding.ASCII.GetBytes(value[..Math.Min(value.Length, 126)])]);
        }
    }

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload) =>
    [
        (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags,
        (byte)(stream >> 24), (byte)(stream >> 16), (byte)(stream >> 8), (byte)stream, .. payload,
    ];

    private byte[] Http()
    {
        var json = Encoding.UTF8.GetBytes(_json[random.Next(_json.Length)]);
        var body = random.Next(3) == 0 ? json : Mutate(json);
        var verb = new[] { "POST", "GET", "PUT", "OPTIONS", "PRI", "\0", "DELETE" }[random.Next(7)];
        var path = random.Next(2) == 0 ? _paths[random.Next(5)] : _paths[random.Next(_paths.Length)];
        var length = random.Next(8) switch
        {
            0 => "Content-Length: -1",
            1 => "Content-Length: 99999999999999999999",
            2 => "Content-Length: 1000000",
            3 => "Transfer-Encoding: chunked\r\nContent-Length: 3",
            4 => "Transfer-Encoding: chunked",
            _ => $"Content-Length: {body.Length}",
        };
        var extra = random.Next(6) switch
        {
            0 => "Grpc-Timeout: \u0001\r\n",
            1 => $"X-{new string('h', random.Next(40_000))}: 1\r\n",
            2 => "Authorization: " + new string('t', random.Next(5_000)) + "\r\n",
            3 => "Host: a\r\nHost: b\r\n",
            _ => "",
        };
        return [.. Encoding.Latin1.GetBytes($"{verb} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{extra}{length}\r\n\r\n"), .. body];
    }

    private byte[] WebSocket() =>
    [
        .. Encoding.ASCII.GetBytes("GET /v3/watch HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
        .. Noise(random.Next(300)),
    ];
}
