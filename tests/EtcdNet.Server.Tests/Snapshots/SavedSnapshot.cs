using System.Buffers.Binary;
using System.Security.Cryptography;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.Testing.Bolt;
using Google.Protobuf;

namespace EtcdNet.Server.Tests.Snapshots;

/// <summary>A client that saves a snapshot. The messages are copied as they come, since their bytes are only lent.</summary>
internal sealed class SavedSnapshot : FakeResponses<SnapshotResponse>, IResponseStream<SnapshotResponse>
{
    private readonly List<SnapshotResponse> _messages = [];

    public IReadOnlyList<SnapshotResponse> Messages => _messages;

    /// <summary>Told of each message.</summary>
    public Action<SnapshotResponse> Taken { get; set; } = static _ => { };

    async ValueTask IResponseStream<SnapshotResponse>.WriteAsync(SnapshotResponse message, CancellationToken cancellation)
    {
        SnapshotResponse copy = message.Clone();
        copy.Blob = ByteString.CopyFrom(message.Blob.Span);
        await WriteAsync(copy, cancellation);
        _messages.Add(copy);
        Taken(copy);
    }

    /// <summary>Checks the framing and gives the buckets.</summary>
    public IReadOnlyDictionary<string, BoltPair[]> Read()
    {
        byte[] file = [.. _messages.SkipLast(1).SelectMany(static message => message.Blob)];
        Assert.Equal(SHA256.HashData(file), _messages[^1].Blob.ToByteArray());
        Assert.All(_messages, static message => Assert.True(message.Header is null && message.Version == "3.6.0"));
        Assert.All(_messages.SkipLast(2), static message => Assert.Equal(32 << 10, message.Blob.Length));
        long left = file.Length;
        foreach (SnapshotResponse message in _messages.SkipLast(1))
            Assert.Equal((ulong)(left -= message.Blob.Length), message.RemainingBytes);
        Assert.Equal((0, 0ul), (left, _messages[^1].RemainingBytes));
        return BoltReader.Read(file).Buckets;
    }

    public static ulong ConsistentIndex(IReadOnlyDictionary<string, BoltPair[]> buckets) =>
        Number(buckets["meta"].Single(static row => row.Key.AsSpan().SequenceEqual("consistent_index"u8)).Value);

    /// <summary>Main revisions of the rows.</summary>
    public static ulong[] Revisions(IReadOnlyDictionary<string, BoltPair[]> buckets) => [.. buckets["key"].Select(static row => Number(row.Key))];

    private static ulong Number(byte[] bytes) => BinaryPrimitives.ReadUInt64BigEndian(bytes);
}
