using System.Buffers;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.Storage.Disk;
using EtcdNet.Storage.Records;
using FASTER.core;

namespace EtcdNet.Storage.Faster;

/// <summary>Does the index still refer to this revision? The bytes are those of the marshalled KeyValue.</summary>
public delegate bool RecordLiveness(Revision revision, ReadOnlySpan<byte> keyValue);

/// <summary>What one step of collection did.</summary>
/// <param name="ScannedBytes">Log bytes taken off the front. 0: nothing more can be collected before the next flush.</param>
/// <param name="MovedBytes">Bytes of live records that were written again at the end.</param>
public readonly record struct CollectResult(long ScannedBytes, long MovedBytes);

/// <content>Taking space back, and what the checkpointer needs.</content>
public sealed partial class FasterBackend
{
    private readonly ArrayBufferWriter<byte> _collected = new();
    private (Revision Revision, bool Live)? _lastVerdict;
    private StoreVerifier? _verifier;

    /// <summary>
    /// Collects a slice, at most one page, from the front of the log: live records are written again at its end, dead ones are left behind
    /// (a dead tombstone at the second time), and the front moves. The files go away when no kept checkpoint needs them. Writer only; readers go on.
    /// </summary>
    /// <param name="isLive">Asked for every record in the slice.</param>
    /// <param name="budgetBytes">Log bytes to scan at most (at least one record is).</param>
    /// <exception cref="BackendDamagedException">A record in the slice does not match its checksum; nothing is lost.</exception>
    /// <exception cref="StoreDamagedException">The slice cannot be read; nothing is lost.</exception>
    public CollectResult CollectStep(RecordLiveness isLive, long budgetBytes)
    {
        long begin = Store.Log.BeginAddress;
        // Only pages that were written completely: FASTER marks moved records, and a page that is written again later
        // must not differ from what a checkpoint summed up.
        long pageBytes = 1L << Options.PageBits;
        long limit = Math.Min(Store.Log.SafeReadOnlyAddress & -pageBytes, (begin & -pageBytes) + pageBytes);
        if (begin >= limit)
            return default;
        long next = begin;
        long moved = 0;
        _lastVerdict = null; // what was live at the last step may be dead now
        using (IFasterScanIterator<RevisionKey, SpanByte> iterator = Store.Log.Scan(begin, limit, ScanBufferingMode.SinglePageBuffering))
        {
            while (next - begin < budgetBytes && MoveNext(iterator))
            {
                moved += MoveIfNeeded(iterator, isLive);
                next = iterator.NextAddress;
            }

            if (next - begin < budgetBytes)
                next = limit;
        }

        Store.Log.ShiftBeginAddress(next);
        return new CollectResult(next - begin, moved);
    }

    /// <summary>Writes everything below an address to the files. Not on the writer's thread; neither waits for the other.</summary>
    internal void FlushUntil(long address)
    {
        // Nothing is ever written for an empty log.
        if (address <= Store.Log.BeginAddress)
            return;
        var spin = default(SpinWait);
        while (_device.WrittenUntil < address)
        {
            // Entering the epoch lets a page flush that waits for readers begin.
            Store.Log.ShiftReadOnlyAddress(address, wait: false);
            _device.ThrowIfFailed();
            spin.SpinOnce();
        }
    }

    /// <summary>The verifier that has summed up what recovery read; for the one checkpointer of this store.</summary>
    internal StoreVerifier TakeVerifier()
    {
        StoreVerifier verifier = _verifier ?? throw new InvalidOperationException("the store has a checkpointer already");
        _verifier = null;
        return verifier;
    }

    private long MoveIfNeeded(IFasterScanIterator<RevisionKey, SpanByte> iterator, RecordLiveness isLive)
    {
        RevisionKey key = iterator.GetKey();
        ReadOnlySpan<byte> stored = iterator.GetValue().AsReadOnlySpan();
        ThrowIfInvalid(stored, key.Revision, key.Part);
        bool live = IsLive(key, stored, isLive);
        if (!live && (!RecordCodec.Tombstone(stored) || RecordCodec.IsKeptOnceMore(stored)))
            return 0;
        stored.CopyTo(_scratch);
        // A dead put must not outlive the tombstone that ended it, or a recovery would take it for live. It may stand
        // behind its tombstone, when it was moved there while it was still history. So a dead tombstone goes to the end
        // once more; when it comes to the front again, everything that was dead with it has been left behind.
        if (!live)
            RecordCodec.KeepOnceMore(_scratch.AsSpan(0, stored.Length), key.Revision, key.Part);
        Append(key, _scratch.AsSpan(0, stored.Length));
        return RecordSize.OfPart(stored.Length - RecordCodec.HeaderBytes);
    }

    // The parts of a large record are judged together, by all of its bytes.
    private bool IsLive(RevisionKey key, ReadOnlySpan<byte> stored, RecordLiveness isLive)
    {
        if (RecordCodec.Parts(stored) == 1)
            return isLive(key.Revision, stored[RecordCodec.HeaderBytes..]);
        if (_lastVerdict is not { } verdict || verdict.Revision != key.Revision)
        {
            _collected.ResetWrittenCount();
            // A part that is missing was dead when an earlier step met it, and dead records do not come back to life.
            bool live = TryReadParts(Writer, key.Revision, _collected, out _, out _) && isLive(key.Revision, _collected.WrittenSpan);
            verdict = (key.Revision, live);
            _lastVerdict = verdict;
        }

        return verdict.Live;
    }
}
