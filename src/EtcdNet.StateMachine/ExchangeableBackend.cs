using System.Buffers;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine;

/// <summary>
/// The backend that the state machine sees: it stays while the one behind it is exchanged for that of a leader's snapshot.
/// Readers never wait; the old one may be closed when nobody reads in it any more (<see cref="Retired.IsUnused"/>).
/// </summary>
public sealed class ExchangeableBackend : IBackend
{
    private Slot _current;
    private Slot? _previous;

    /// <summary>Starts with a backend.</summary>
    public ExchangeableBackend(IBackend backend) => _current = new Slot(backend);

    /// <summary>The backend that is written to.</summary>
    public IBackend Current => Volatile.Read(ref _current).Backend;

    /// <inheritdoc/>
    public long SizeInBytes => Current.SizeInBytes;

    /// <inheritdoc/>
    public long SizeInUseInBytes => Current.SizeInUseInBytes;

    /// <inheritdoc/>
    public uint Put(Revision revision, bool tombstone, ReadOnlySpan<byte> keyValue) => _current.Backend.Put(revision, tombstone, keyValue);

    /// <inheritdoc/>
    public uint Release(Revision revision) => _current.Backend.Release(revision);

    /// <inheritdoc/>
    public bool TryRead(Revision revision, IBufferWriter<byte> destination, out RecordInfo info)
    {
        while (true)
        {
            Slot slot = Volatile.Read(ref _current);
            if (TryReadIn(slot, ref _current!, revision, destination, out info, out bool entered))
                return true;
            if (!entered)
                continue;
            // Until the new state is published readers look for the records of the old one, all of which are in one of the two.
            return Volatile.Read(ref _previous) is { } previous
                && TryReadIn(previous, ref _previous, revision, destination, out info, out _);
        }
    }

    /// <summary>Reads and writes go to the new one; what it does not have is still looked for in the old one. Writer only.</summary>
    internal void Exchange(IBackend backend)
    {
        Interlocked.Exchange(ref _previous, _current);
        Interlocked.Exchange(ref _current, new Slot(backend));
    }

    /// <summary>The new state is published: nobody needs the old backend from now on, but some may still be reading in it. Writer only.</summary>
    internal Retired Retire() =>
        new(Interlocked.Exchange(ref _previous, null) ?? throw new InvalidOperationException("nothing was exchanged"));

    private static bool TryReadIn(
        Slot slot, ref Slot? place, Revision revision, IBufferWriter<byte> destination, out RecordInfo info, out bool entered)
    {
        Interlocked.Increment(ref slot.Readers);
        try
        {
            // Counted in before it left its place: whoever wants to close it sees the count. Otherwise it may be closed already.
            entered = ReferenceEquals(slot, Volatile.Read(ref place));
            info = default;
            return entered && slot.Backend.TryRead(revision, destination, out info);
        }
        finally
        {
            Interlocked.Decrement(ref slot.Readers);
        }
    }

    /// <summary>A backend that was replaced.</summary>
    public sealed class Retired
    {
        private readonly Slot _slot;

        internal Retired(Slot slot) => _slot = slot;

        /// <summary>The backend.</summary>
        public IBackend Backend => _slot.Backend;

        /// <summary>Nobody reads in it, and nobody will.</summary>
        public bool IsUnused => Volatile.Read(ref _slot.Readers) == 0;
    }

    internal sealed class Slot(IBackend backend)
    {
        public int Readers;

        public IBackend Backend { get; } = backend;
    }
}
