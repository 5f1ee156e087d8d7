using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server;
using Google.Protobuf;

namespace EtcdNet.Host.Http;

/// <summary>Asks the member what the health endpoints want to know, past users and permissions.</summary>
internal sealed class HealthProbe(RunningMember member) : IHealthProbe
{
    private static readonly ByteString ProbedKey = ByteString.CopyFromUtf8("health");

    public IReadOnlyCollection<string> Alarms =>
        [.. member.Machine.Alarms.Get(AlarmType.None).Select(alarm => alarm.Alarm == AlarmType.Nospace ? "NOSPACE" : "CORRUPT").Distinct()];

    public bool HasLeader => member.Status.Current.Leader != 0;

    public bool IsLearner => member.Status.Current.IsLearner;

    public ValueTask ReadSerializableAsync(CancellationToken cancellation) => ReadAsync(serializable: true, cancellation);

    public ValueTask ReadLinearizableAsync(CancellationToken cancellation) => ReadAsync(serializable: false, cancellation);

    private async ValueTask ReadAsync(bool serializable, CancellationToken cancellation)
    {
        // Not by the service, which would ask for a user.
        if (!serializable)
            await member.Reads.WaitAsync(cancellation).ConfigureAwait(false);
        member.Machine.Store.Range(new RangeRequest { Key = ProbedKey, CountOnly = true });
    }
}
