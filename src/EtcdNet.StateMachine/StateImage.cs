using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine;

/// <summary>
/// Everything a checkpoint has to remember besides the records themselves, taken between two applied entries.
/// <see cref="RecordCount"/> and <see cref="RecordCrcSum"/> cover exactly the records that are live by the rule of
/// <see cref="FinishedCompactRevision"/>, so that a start can prove that none is missing, changed or too many.
/// </summary>
/// <param name="AppliedIndex">Last entry that is contained.</param>
/// <param name="AppliedTerm">Its term.</param>
/// <param name="Revision">Current main revision.</param>
/// <param name="CompactRevision">Compaction that was asked for (etcd's scheduledCompactRev); 0 for none.</param>
/// <param name="FinishedCompactRevision">Compaction whose dead revisions have all been released; 0 for none.</param>
/// <param name="RecordCount">Number of live records.</param>
/// <param name="RecordCrcSum">Sum of their CRC-32C values, modulo 2^64.</param>
/// <param name="SmallState">Leases, alarms, members, users, roles, versions, configuration (marshalled etcdnetpb.SmallState).</param>
public sealed record StateImage(
    ulong AppliedIndex, ulong AppliedTerm, long Revision, long CompactRevision, long FinishedCompactRevision,
    long RecordCount, ulong RecordCrcSum, ReadOnlyMemory<byte> SmallState)
{
    /// <summary>
    /// Bytes of counted records that the backend was already told to release, by a compaction that has not finished. It
    /// starts over after a restart, so they are in use again then.
    /// </summary>
    public long ReleasedBytes { get; init; }
}

/// <summary>Receives one record of a scan. The span is only valid during the call.</summary>
public delegate void RecordVisitor(Revision revision, RecordInfo info, ReadOnlySpan<byte> keyValue);

/// <summary>
/// The records found in a recovered backend, in any order. Dead records may still be among them and a record may come
/// twice (it was moved); the reader of the scan drops what is dead or known.
/// </summary>
public interface IRecordSource
{
    /// <summary>Visits every record once or more.</summary>
    /// <exception cref="BackendDamagedException">A record's checksum does not match.</exception>
    void Scan(RecordVisitor visitor);
}
