using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using EtcdNet.Host.Gateway;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Testing;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Host.Tests.Gateway;

public sealed class JsonTests
{
    private const int Rounds = 20_000;
    private const string Hostile = "{}[]\",:\\0129.eE+-tfnu ";

    private static readonly string[] Seeds =
    [
        """{"key":"YQ==","limit":"10","sort_order":"DESCEND","keys_only":true}""",
        """{"compare":[{"key":"YQ==","version":1,"result":"LESS"}],"success":[{"request_put":{"key":"YQ==","value":"Yg=="}}]}""",
        """ [1, -0.5e+7, "a\"\\\u00e9\n", null, true, false, {}, []] """,
        """{"a":{"b":{"c":[[[{"d":"\ud83d\ude00"}]]]}}}""",
    ];

    [Fact]
    public void What_is_json_is_what_the_platform_takes_for_json()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        for (int round = 0; round < Rounds; round++)
        {
            byte[] text = Mutate(random, Encoding.UTF8.GetBytes(Seeds[random.Next(Seeds.Length)]));
            string? error = Scan(text, out int length);
            if (error is null && length > 0)
                Assert.True(IsJson(text.AsSpan(0, length)), $"seed {seed}, round {round}: {Encoding.Latin1.GetString(text)}");
            else
                Assert.False(IsJson(text), $"seed {seed}, round {round}: {error} for {Encoding.Latin1.GetString(text)}");
        }
    }

    [Fact]
    public async Task A_body_may_come_in_any_pieces()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        byte[] body = Encoding.UTF8.GetBytes(string.Join("\n ", Seeds) + " 17 ");
        for (int round = 0; round < 200; round++)
        {
            var pipe = new Pipe();
            Task feed = FeedAsync(pipe.Writer, body, random.Next(1, 40));
            using var reader = new JsonBodyReader(pipe.Reader, 1 << 20);
            foreach (string expected in Seeds)
                Assert.Equal(expected.Trim(), Encoding.UTF8.GetString((await reader.ReadAsync(CancellationToken.None)).Span));
            Assert.Equal("17", Encoding.UTF8.GetString((await reader.ReadAsync(CancellationToken.None)).Span));
            Assert.True((await reader.ReadAsync(CancellationToken.None)).IsEmpty, $"seed {seed}");
            await feed;
        }
    }

    [Fact]
    public async Task A_value_beyond_the_limit_is_refused_before_it_is_kept()
    {
        var pipe = new Pipe();
        await pipe.Writer.WriteAsync(Encoding.ASCII.GetBytes("\"" + new string('a', 5_000)));
        using var reader = new JsonBodyReader(pipe.Reader, 4_096);
        await Assert.ThrowsAsync<GatewayBodyTooLargeException>(async () => await reader.ReadAsync(CancellationToken.None));
    }

    [Fact]
    public void Messages_survive_the_way_to_json_and_back_and_look_as_protobuf_says()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        var formatter = new JsonFormatter(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true));
        MessageDescriptor[] types =
        [
            RangeRequest.Descriptor, RangeResponse.Descriptor, TxnRequest.Descriptor, TxnResponse.Descriptor, WatchRequest.Descriptor,
            WatchResponse.Descriptor, StatusResponse.Descriptor, MemberListResponse.Descriptor, AlarmResponse.Descriptor, Event.Descriptor,
        ];
        for (int round = 0; round < 2_000; round++)
        {
            IMessage message = RandomMessage(random, types[random.Next(types.Length)], 0);
            string ours = Write(message, escapeHtml: false);
            Assert.True(JsonElement.DeepEquals(JsonDocument.Parse(formatter.Format(message)).RootElement, JsonDocument.Parse(ours).RootElement), $"seed {seed}, round {round}: {ours}");
            Assert.Equal(message, JsonMessageParser.Parse(Encoding.UTF8.GetBytes(ours), message.Descriptor));
            Assert.Equal(message, JsonMessageParser.Parse(Encoding.UTF8.GetBytes(JsonFormatter.Default.Format(message)), message.Descriptor));
        }
    }

    [Fact]
    public void Lines_of_streams_hide_what_html_would_see()
    {
        var answer = new WatchResponse { CancelReason = "<a href=\"&\">\u2028é" };
        Assert.Equal("""{"cancel_reason":"\u003ca href=\"\u0026\"\u003e\u2028é"}""", Write(answer, escapeHtml: true));
        Assert.Equal("{\"cancel_reason\":\"<a href=\\\"&\\\">\u2028é\"}", Write(answer, escapeHtml: false));
    }

    [Fact]
    public void Garbage_is_answered_and_never_more_than_that()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < Rounds; round++)
        {
            byte[] text = Mutate(random, Encoding.UTF8.GetBytes(Seeds[random.Next(2)]));
            try
            {
                if (Scan(text, out int length) is null && length > 0)
                    JsonMessageParser.Parse(text.AsSpan(0, length).TrimStart(" \t\r\n"u8), random.Next(2) == 0 ? RangeRequest.Descriptor : TxnRequest.Descriptor);
            }
            catch (GatewayRequestException error)
            {
                refused++;
                Assert.StartsWith("proto: ", error.Message, StringComparison.Ordinal);
            }
        }

        Assert.True(refused > 100, $"seed {seed}: {refused}");
    }

    private static string Write(IMessage message, bool escapeHtml)
    {
        var buffer = new ArrayBufferWriter<byte>();
        new JsonMessageWriter(buffer, escapeHtml).Write(message);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string? Scan(byte[] text, out int length)
    {
        var scanner = new JsonScanner();
        length = -1;
        try
        {
            length = scanner.Scan(text);
            if (length < 0 && scanner.EndsHere())
                length = text.Length;
            return length < 0 ? "unexpected EOF" : null;
        }
        catch (GatewayRequestException error)
        {
            return error.Message;
        }
    }

    /// <summary>By System.Text.Json, which looks at the bytes of strings only when asked for their value.</summary>
    private static bool IsJson(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = 1000 });
        try
        {
            while (reader.Read())
            {
            }
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static byte[] Mutate(Random random, byte[] text)
    {
        var bytes = new List<byte>(text);
        for (int i = random.Next(4); i > 0; i--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(4))
            {
                case 0:
                    bytes[at] = (byte)random.Next(32, 127);
                    break;
                case 1:
                    bytes.RemoveAt(at);
                    break;
                case 2:
                    bytes.Insert(at, (byte)Hostile[random.Next(Hostile.Length)]);
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
            if (bytes.Count == 0)
                bytes.Add((byte)' ');
        }

        return [.. bytes];
    }

    private static async Task FeedAsync(PipeWriter writer, byte[] body, int piece)
    {
        for (int at = 0; at < body.Length; at += piece)
            await writer.WriteAsync(body.AsMemory(at, Math.Min(piece, body.Length - at)));
        await writer.CompleteAsync();
    }

    private static IMessage RandomMessage(Random random, MessageDescriptor type, int depth)
    {
        IMessage message = type.Parser.ParseFrom(ByteString.Empty);
        foreach (FieldDescriptor field in type.Fields.InDeclarationOrder())
        {
            if (random.Next(3) == 0 || (field.FieldType == FieldType.Message && depth > 3))
                continue;
            if (field.IsRepeated)
            {
                var list = (System.Collections.IList)field.Accessor.GetValue(message);
                for (int i = random.Next(3); i > 0; i--)
                    list.Add(RandomValue(random, field, depth));
            }
            else
            {
                field.Accessor.SetValue(message, RandomValue(random, field, depth));
            }
        }

        return message;
    }

    private static object RandomValue(Random random, FieldDescriptor field, int depth) => field.FieldType switch
    {
        FieldType.Message => RandomMessage(random, field.MessageType, depth + 1),
        FieldType.Bytes => ByteString.CopyFrom(RandomBytes(random)),
        FieldType.String => new[] { "", "plain", "\"\\/\b\f\n\r\t\u0001", "äöü😀\u2028", "<&>" }[random.Next(5)],
        FieldType.Bool => random.Next(2) == 0,
        FieldType.Int64 => random.Next(2) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) : random.Next(3),
        FieldType.UInt64 => random.Next(2) == 0 ? (ulong)random.NextInt64(long.MinValue, long.MaxValue) : (ulong)random.Next(3),
        FieldType.Int32 => random.Next(),
        FieldType.UInt32 => (uint)random.Next(),
        FieldType.Enum => Enum.ToObject(field.EnumType.ClrType, random.Next(4)),
        _ => throw new InvalidOperationException(field.FullName),
    };

    private static byte[] RandomBytes(Random random)
    {
        var bytes = new byte[random.Next(30)];
        random.NextBytes(bytes);
        return bytes;
    }
}
