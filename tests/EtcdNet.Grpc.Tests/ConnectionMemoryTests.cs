using System.Buffers;
using EtcdNet.Grpc.Transport;
using Microsoft.AspNetCore.Connections;

namespace EtcdNet.Grpc.Tests;

/// <summary>The blocks that connections read into: large ones up to a number, Kestrel's beyond it, and never one block for two.</summary>
public sealed class ConnectionMemoryTests
{
    [Fact]
    public void BeyondTheLargeBlocksKestrelsOwnAreGivenOut()
    {
        using MemoryPool<byte> pool = new ConnectionMemory(new SmallBlocks()).Create();
        List<IMemoryOwner<byte>> large = [.. Enumerable.Range(0, ConnectionMemory.LargeBlocksMax).Select(_ => pool.Rent(4096))];
        Assert.All(large, static block => Assert.Equal(ConnectionMemory.LargeBlockBytes, block.Memory.Length));

        using IMemoryOwner<byte> beyond = pool.Rent(4096);
        Assert.Equal(4096, beyond.Memory.Length);

        Memory<byte> third = large[3].Memory;
        large[3].Dispose();
        using IMemoryOwner<byte> again = pool.Rent();
        Assert.Equal(third, again.Memory);
        // Neither used nor given back by who had it before.
        Assert.Throws<ObjectDisposedException>(() => large[3].Memory);
        Assert.Throws<InvalidOperationException>(large[3].Dispose);
    }

    [Fact]
    public void NoTwoOwnersShareABlock()
    {
        var memory = new ConnectionMemory(new SmallBlocks());
        using MemoryPool<byte> one = memory.Create();
        using MemoryPool<byte> other = memory.Create();
        IMemoryOwner<byte>[] blocks = [.. Enumerable.Range(0, ConnectionMemory.LargeBlocksMax).Select(i => (i % 2 == 0 ? one : other).Rent())];
        for (int i = 0; i < blocks.Length; i++)
            blocks[i].Memory.Span.Fill((byte)i);
        for (int i = 0; i < blocks.Length; i++)
            Assert.False(blocks[i].Memory.Span.ContainsAnyExcept((byte)i));
    }

    [Fact]
    public void ABlockIsNotGivenBackTwice()
    {
        using MemoryPool<byte> pool = new ConnectionMemory(new SmallBlocks()).Create();
        IMemoryOwner<byte> block = pool.Rent();
        block.Dispose();
        Assert.Throws<InvalidOperationException>(block.Dispose);
    }

    private sealed class SmallBlocks : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool();

        private sealed class Pool : MemoryPool<byte>
        {
            public override int MaxBufferSize => 4096;

            public override IMemoryOwner<byte> Rent(int minBufferSize = -1) => new Block();

            protected override void Dispose(bool disposing)
            {
            }
        }

        private sealed class Block : IMemoryOwner<byte>
        {
            public Memory<byte> Memory { get; } = new byte[4096];

            public void Dispose()
            {
            }
        }
    }
}
