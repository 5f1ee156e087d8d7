namespace EtcdNet.Host.Http;

/// <summary>
/// What the health endpoints ask the member. The reads look at one key that need not exist, past authentication:
/// a member is not ill because authentication is on.
/// </summary>
public interface IHealthProbe
{
    /// <summary>Alarms raised now, by etcd's names (<c>NOSPACE</c>, <c>CORRUPT</c>), of any member.</summary>
    IReadOnlyCollection<string> Alarms { get; }

    /// <summary>True when this member knows a leader.</summary>
    bool HasLeader { get; }

    /// <summary>True when this member does not vote.</summary>
    bool IsLearner { get; }

    /// <summary>Reads from this member alone. Throws when it cannot; the text of the exception is shown.</summary>
    ValueTask ReadSerializableAsync(CancellationToken cancellation);

    /// <summary>Reads with the consent of the quorum. Throws when it cannot; the text of the exception is shown.</summary>
    ValueTask ReadLinearizableAsync(CancellationToken cancellation);
}
