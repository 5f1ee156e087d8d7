using System.Buffers;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;

namespace EtcdNet.Grpc.Transport;

/// <summary>
/// The memory of the pipes between a socket and a call. Kestrel's blocks have 4 KiB: a message of a megabyte then crosses each of three
/// pipes in hundreds of steps, each with system calls and a turn of the thread pool. Here the first <see cref="LargeBlocksMax"/> blocks
/// that are in use at a time are large, and only those beyond are Kestrel's: few connections that send much get them, and ten thousand
/// with a little each cost what they always did.
/// </summary>
/// <param name="small">Kestrel's own.</param>
internal sealed class ConnectionMemory(IMemoryPoolFactory<byte> small) : IMemoryPoolFactory<byte>
{
    /// <summary>Bytes of a large block. No multiple of a page: the beginnings of all blocks would share a few lines of the cache.</summary>
    public const int LargeBlockBytes = (64 << 10) + 704;

    /// <summary>Large blocks of a host, in use and kept together: 8 MiB.</summary>
    public const int LargeBlocksMax = 128;

    private readonly Lock _gate = new();
    private readonly Block[] _free = new Block[LargeBlocksMax];
    private int _freeCount;
    private int _made;

    /// <summary>Puts it in the place of Kestrel's own, which it makes use of.</summary>
    public static void PutBefore(IServiceCollection services)
    {
        ServiceDescriptor kestrels = services.Last(static service => service.ServiceType == typeof(IMemoryPoolFactory<byte>));
        Func<IServiceProvider, object> make =
            kestrels.ImplementationFactory ?? (provider => ActivatorUtilities.CreateInstance(provider, kestrels.ImplementationType!));
        services.AddSingleton<IMemoryPoolFactory<byte>>(provider => new ConnectionMemory((IMemoryPoolFactory<byte>)make(provider)));
    }

    /// <inheritdoc/>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => new Pool(this, small.Create(options));

    private Block? TryTake()
    {
        lock (_gate)
        {
            Block? block = null;
            // The one that was given back last comes first: its beginning is in the processor's cache.
            if (_freeCount > 0)
                block = _free[--_freeCount];
            else if (_made < LargeBlocksMax)
                block = MakeUnderLock();
            return block;
        }
    }

    private Block MakeUnderLock()
    {
        _made++;
        return new Block();
    }

    private void TakeBack(Block block)
    {
        lock (_gate)
            _free[_freeCount++] = block;
    }

    private sealed class Block
    {
        /// <summary>Pinned, since sockets read into it and write from it.</summary>
        public Memory<byte> Memory { get; } =
            MemoryMarshal.CreateFromPinnedArray(GC.AllocateUninitializedArray<byte>(LargeBlockBytes, pinned: true), 0, LargeBlockBytes);
    }

    // One for each time that a block is given out. Given back twice, a block would serve two connections, and one would read what the other
    // one writes; nor may who has given it back do it again when it is somebody else's.
    private sealed class Rental(ConnectionMemory owner, Block block) : IMemoryOwner<byte>
    {
        private Block? _block = block;

        public Memory<byte> Memory => (Volatile.Read(ref _block) ?? throw new ObjectDisposedException(nameof(Rental), "a block of a connection's memory is used after it was given back")).Memory;

        public void Dispose() => owner.TakeBack(
            Interlocked.Exchange(ref _block, null) ?? throw new InvalidOperationException("a block of a connection's memory is given back twice"));
    }

    private sealed class Pool(ConnectionMemory owner, MemoryPool<byte> small) : MemoryPool<byte>
    {
        // What pipes ask for decides who serves it; a larger block than they asked for is as good.
        public override int MaxBufferSize => small.MaxBufferSize;

        public override IMemoryOwner<byte> Rent(int minBufferSize = -1) =>
            minBufferSize <= small.MaxBufferSize && owner.TryTake() is { } block ? new Rental(owner, block) : small.Rent(minBufferSize);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                small.Dispose();
        }
    }
}
