using System.Buffers;
using EtcdNet.Peer.Tests.Support;
using EtcdNet.Peer.Transport;
using EtcdNet.Peer.Wire;
using EtcdNet.Raft;

namespace EtcdNet.Peer.Tests.Wire;

/// <summary>
/// Whole streams of real members: our decoders read them, our encoders write the same bytes again. Recordings lie in
/// <c>recordings/</c> (first line: release; then message stream and append stream in hex); the live one is made on the spot.
/// </summary>
public sealed class RecordedStreamTests
{
    /// <summary>When set to a directory, the live stream is written there as a new recording.</summary>
    private const string RecordVariable = "ETCDNET_RECORD_PEER";

    public static TheoryData<string> Recordings =>
        [.. Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "recordings"), "*.txt").Select(f => Path.GetFileName(f)!)];

    [Theory]
    [MemberData(nameof(Recordings))]
    public async Task A_recorded_stream_is_written_again_to_the_byte(string file)
    {
        var lines = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "recordings", file));
        var form = PeerHeaders.FormFor(lines[0]);
        var messages = await CheckAsync(StreamKind.Message, form, Convert.FromHexString(lines[1]));
        var appends = await CheckAsync(StreamKind.Append, form, Convert.FromHexString(lines[2]));
        Assert.Contains(messages, m => m.Type == MessageType.Vote);
        Assert.Contains(messages, LinkHeartbeat.Is);
        Assert.Contains(appends, m => m.Entries.Any(e => e.Data.Span.IndexOf("recorded"u8) >= 0));
    }

    [Fact]
    public async Task The_stream_of_a_live_member_is_written_again_to_the_byte()
    {
        await using var etcd = new RealEtcd();
        using var fake = new FakeMember();
        var ourUrl = fake.Url.ToString().TrimEnd('/');
        var self = RealEtcd.IdOf(ourUrl);
        etcd.Start(ourUrl);
        using var tap = new StreamTap(new Uri(etcd.PeerUrl), self, etcd.Id, etcd.ClusterWith(self), ourUrl);
        await EtcdNet.Testing.Processes.Deadline.UntilAsync(
            async () =>
            {
                try
                {
                    return await tap.TryStartAsync();
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            Wait.Limit);
        await etcd.PutAsync("recorded");
        await Wait.UntilAsync(() => tap.Count(t => t.Messages.Count(LinkHeartbeat.Is)) > 0 && tap.Count(t => t.Appends.Count(LinkHeartbeat.Is)) > 0);
        await tap.StopAsync();

        var form = PeerHeaders.FormFor(tap.Version);
        var messages = WholePart(tap.Messages, StreamKind.Message, form, tap.MessageBytes);
        var appends = WholePart(tap.Appends, StreamKind.Append, form, tap.AppendBytes);
        Assert.Contains(tap.Appends, m => m.Entries.Any(e => e.Data.Span.IndexOf("recorded"u8) >= 0));
        if (Environment.GetEnvironmentVariable(RecordVariable) is { Length: > 0 } directory)
            await File.WriteAllLinesAsync(Path.Combine(directory, $"{tap.Version}.txt"), [tap.Version, Convert.ToHexStringLower(messages), Convert.ToHexStringLower(appends)]);
    }

    private static async Task<List<Message>> CheckAsync(StreamKind kind, WireForm form, byte[] bytes)
    {
        var messages = await StreamCodecTests.ReadAllAsync(kind, new MemoryStream(bytes));
        Assert.NotEmpty(messages);
        Assert.Equal(Convert.ToHexStringLower(bytes), Convert.ToHexStringLower(Encode(kind, form, messages)));
        return messages;
    }

    /// <summary>What was read whole, written again; the stream may end within a message that came after.</summary>
    private static byte[] WholePart(List<Message> messages, StreamKind kind, WireForm form, MemoryStream raw)
    {
        var again = Encode(kind, form, messages);
        Assert.True(again.Length <= raw.Length && again.Length > 0);
        Assert.Equal(Convert.ToHexStringLower(raw.ToArray().AsSpan(0, again.Length)), Convert.ToHexStringLower(again));
        return again;
    }

    private static byte[] Encode(StreamKind kind, WireForm form, List<Message> messages)
    {
        var encoder = StreamEncoder.For(kind, form);
        var bytes = new ArrayBufferWriter<byte>();
        foreach (var message in messages)
            encoder.Write(bytes, message);
        return bytes.WrittenSpan.ToArray();
    }
}
