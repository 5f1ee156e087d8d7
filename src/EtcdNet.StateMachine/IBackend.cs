using System.Buffers;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine;

/// <summary>
/// Port to the place where the bytes of revisions live. One record a revision, written once, never changed.
/// One thread writes (the applier); any number of threads read at the same time and never wait for it.
/// What was put since the last checkpoint is made again from the write-ahead log after a crash.
/// </summary>
public interface IBackend
{
    /// <summary>
    /// Stores a record. Writer only. <paramref name="keyValue"/> is a marshalled mvccpb.KeyValue (only key set for a tombstone).
    /// Readable by every thread when the call returns.
    /// </summary>
    /// <returns>CRC-32C of the record (revision, flags and bytes), for the checkpoint's sum.</returns>
    uint Put(Revision revision, bool tombstone, ReadOnlySpan<byte> keyValue);

    /// <summary>Reads a record; appends its KeyValue bytes to <paramref name="destination"/>. Any thread.</summary>
    /// <returns>False when there is no such record.</returns>
    /// <exception cref="BackendDamagedException">The record is there but its checksum does not match.</exception>
    bool TryRead(Revision revision, IBufferWriter<byte> destination, out RecordInfo info);

    /// <summary>
    /// The index no longer refers to this revision (compaction finished with it). Writer only. Its space may be taken
    /// back at any later time; the record may stay readable until then.
    /// </summary>
    /// <returns>The record's CRC-32C, to be taken off the checkpoint's sum.</returns>
    uint Release(Revision revision);

    /// <summary>Bytes taken from the disk or memory, dead records included ("db size").</summary>
    long SizeInBytes { get; }

    /// <summary>Bytes of records that are not released ("db size in use").</summary>
    long SizeInUseInBytes { get; }
}

/// <summary>What is known of a record besides its bytes.</summary>
public readonly record struct RecordInfo(bool Tombstone, uint Crc);

/// <summary>A stored record does not match its checksum. Only this record is affected.</summary>
public sealed class BackendDamagedException(Revision revision, string detail)
    : Exception($"record of revision {revision} is damaged: {detail}")
{
    /// <summary>The record that cannot be trusted.</summary>
    public Revision Revision { get; } = revision;
}
