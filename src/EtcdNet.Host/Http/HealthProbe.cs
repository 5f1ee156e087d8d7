using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server;
using EtcdNet.Server.Services;
using Google.Protobuf;

namespace EtcdNet.Host.Http;

/// <summary>Asks the member what the health endpoints want to know, by the same ways that clients use.</summary>
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
        var request = new RangeRequest { Key = ProbedKey, Serializable = serializable, CountOnly = true };
        await member.Services.Kv.RangeAsync(request, new CallContext { Cancellation = cancellation }).ConfigureAwait(false);
    }
}
