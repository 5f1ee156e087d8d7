using System.Buffers;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Services;
using EtcdNet.Testing;
using Google.Protobuf;

namespace EtcdNet.Server.Tests;

/// <summary>A large value is copied once on its way into the log. What the log holds must be what the client sent, in every shape of a request.</summary>
public sealed class LargePutTests
{
    [Fact]
    public void IsReadAsTheGeneratedParserReadsIt()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            PutRequest request = Some(random);
            byte[] bytes = request.ToByteArray();
            PutRequest? read = LargePut.TryRead(InPieces(bytes, random));
            Assert.True(read is not null && read.Equals(request), $"seed {seed}, round {round}");
        }
    }

    [Fact]
    public void TheEntryIsTheMarshalledRequest()
    {
        int seed = TestSeed.Next();
        var random = new Random(seed);
        for (int round = 0; round < 200; round++)
        {
            PutRequest request = Some(random);
            PutRequest read = LargePut.TryRead(InPieces(request.ToByteArray(), random))!;
            RequestHeader header = new() { ID = (ulong)random.NextInt64(), Username = new string('u', random.Next(250)), AuthRevision = (ulong)random.Next(3) };
            var proposed = new InternalRaftRequest { Header = header, Put = read };
            byte[] expected = new InternalRaftRequest { Header = header, Put = request }.ToByteArray();
            ReadOnlyMemory<byte> entry = EntryEncoder.Encode(proposed, proposed.CalculateSize());
            Assert.True(entry.Span.SequenceEqual(expected), $"seed {seed}, round {round}");
            Assert.True(read.Equals(request), $"seed {seed}, round {round}: the value changed");
        }
    }

    [Fact]
    public void ASecondEntryOfTheSameRequestLeavesTheFirstAlone()
    {
        PutRequest request = LargePut.TryRead(new ReadOnlySequence<byte>(Some(new Random(1)).ToByteArray()))!;
        ReadOnlyMemory<byte> first = Encode(request, 1);
        byte[] copy = first.ToArray();
        ReadOnlyMemory<byte> second = Encode(request, ulong.MaxValue);
        Assert.True(first.Span.SequenceEqual(copy));
        Assert.Equal(ulong.MaxValue, InternalRaftRequest.Parser.ParseFrom(second.Span).Header.ID);
    }

    [Fact]
    public void WhatIsUnusualIsLeftToTheGeneratedParser()
    {
        byte[] large = Some(new Random(2)).ToByteArray();
        Assert.Null(LargePut.TryRead(new ReadOnlySequence<byte>(new PutRequest { Key = ByteString.CopyFromUtf8("k") }.ToByteArray())));
        Assert.Null(LargePut.TryRead(new ReadOnlySequence<byte>(large[..^1])));
        Assert.Null(LargePut.TryRead(new ReadOnlySequence<byte>([.. large, 0x7a, 1, 0])));
        Assert.Null(LargePut.TryRead(new ReadOnlySequence<byte>([.. large, 0x18])));
        Assert.Null(LargePut.TryRead(new ReadOnlySequence<byte>([.. large, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f])));
    }

    [Fact]
    public void AKeyBehindItsValueFindsItsPlaceInTheEntry()
    {
        byte[] one = new PutRequest { Value = ByteString.CopyFrom(new byte[40_000]) }.ToByteArray();
        byte[] key = new PutRequest { Key = ByteString.CopyFromUtf8("a key that comes behind the value, and needs more room than there is before it") }.ToByteArray();
        byte[] bytes = [.. one, .. key];
        PutRequest read = LargePut.TryRead(new ReadOnlySequence<byte>(bytes))!;
        Assert.Equal(PutRequest.Parser.ParseFrom(bytes), read);
        Assert.Equal(read, InternalRaftRequest.Parser.ParseFrom(Encode(read, 7).Span).Put);
    }

    [Fact]
    public void AFieldThatComesTwiceCostsNothingHere()
    {
        byte[] value = new PutRequest { Value = ByteString.CopyFrom(new byte[40_000]) }.ToByteArray();
        byte[] key = new PutRequest { Key = ByteString.CopyFrom(new byte[40_000]) }.ToByteArray();
        byte[] empty = [.. Enumerable.Repeat<byte[]>([0x12, 0], 100_000).SelectMany(static field => field)];
        byte[] lease = new PutRequest { Lease = 5 }.ToByteArray();
        byte[][] twice = [[.. value, .. value], [.. value, 0x12, 0], [.. key, .. empty], [.. key, .. value, .. key], [.. value, 0x0a, 0, 0x0a, 0], [.. value, .. lease, .. lease]];
        foreach (byte[] bytes in twice)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            Assert.Null(LargePut.TryRead(new ReadOnlySequence<byte>(bytes)));
            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 200_000);
        }
    }

    [Fact]
    public void ASmallValueUnderALargeKeyIsReadToo()
    {
        var request = new PutRequest { Key = ByteString.CopyFrom(new byte[40_000]), Value = ByteString.CopyFromUtf8("v"), Lease = 3 };
        PutRequest read = LargePut.TryRead(new ReadOnlySequence<byte>(request.ToByteArray()))!;
        Assert.Equal(request, read);
        Assert.Equal(request, InternalRaftRequest.Parser.ParseFrom(Encode(read, 7).Span).Put);
    }

    private static ReadOnlyMemory<byte> Encode(PutRequest put, ulong id)
    {
        var request = new InternalRaftRequest { Header = new RequestHeader { ID = id }, Put = put };
        return EntryEncoder.Encode(request, request.CalculateSize());
    }

    private static PutRequest Some(Random random)
    {
        byte[] key = new byte[random.Next(1, 300)];
        byte[] value = new byte[random.Next(32 << 10, 70 << 10)];
        random.NextBytes(key);
        random.NextBytes(value);
        return new PutRequest
        {
            Key = ByteString.CopyFrom(key), Value = ByteString.CopyFrom(value), PrevKv = random.Next(2) == 0, IgnoreLease = random.Next(2) == 0,
            IgnoreValue = random.Next(4) == 0, Lease = random.Next(3) switch { 0 => 0, 1 => random.NextInt64(), _ => -1 },
        };
    }

    private static ReadOnlySequence<byte> InPieces(byte[] bytes, Random random)
    {
        Piece first = new(ReadOnlyMemory<byte>.Empty, null);
        Piece last = first;
        for (int at = 0; at < bytes.Length;)
        {
            int count = Math.Min(random.Next(1, 10_000), bytes.Length - at);
            last = new Piece(bytes.AsMemory(at, count), last);
            at += count;
        }
        return new ReadOnlySequence<byte>(first, 0, last, last.Memory.Length);
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> bytes, Piece? previous)
        {
            Memory = bytes;
            if (previous is null)
                return;
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
