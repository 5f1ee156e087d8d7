using EtcdNet.Protocol.Etcdserverpb;
using Action = EtcdNet.Protocol.Etcdserverpb.AlarmRequest.Types.AlarmAction;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Alarms of any member, NOSPACE and CORRUPT, while the other sessions go on.</summary>
internal sealed class AlarmSession(World world, int client) : Session(world, client)
{
    private static readonly ulong[] _members = [0, 1, 42, ulong.MaxValue, Side.OwnMember];

    private AlarmType _kind;

    /// <inheritdoc/>
    public override bool IsHolding => World.Alarmed;

    /// <inheritdoc/>
    public override async Task StepAsync()
    {
        switch (Random.Next(10))
        {
            case < 2:
                await AlarmAsync(Action.Activate);
                break;
            case < 5:
                await AlarmAsync(Action.Deactivate);
                break;
            case < 7:
                await AlarmAsync(Action.Get);
                break;
            case 7:
                await CallAsync("Status", new StatusRequest());
                break;
            case 8:
                await CallAsync("Defragment", new DefragmentRequest());
                break;
            default:
                await CallAsync("HashKV", new HashKVRequest());
                break;
        }
    }

    /// <inheritdoc/>
    public override async Task EndAsync()
    {
        var answer = (AlarmResponse)(await CallAsync("Alarm", new AlarmRequest())).Answer!;
        foreach (AlarmMember alarm in answer.Alarms.ToList())
            await CallAsync("Alarm", new AlarmRequest { Action = Action.Deactivate, MemberID = alarm.MemberID, Alarm = alarm.Alarm });
        World.Alarmed = false;
    }

    private async Task AlarmAsync(Action action)
    {
        // One kind at a time: with both on, 3.5 heeds only the one that was raised last, and none when either was ended; 3.6 heeds both.
        AlarmType kind = _kind is AlarmType.None ? OneOf(AlarmType.Nospace, AlarmType.Corrupt) : _kind;
        var request = new AlarmRequest { Action = action, MemberID = OneOf(_members), Alarm = Random.Next(4) == 0 ? AlarmType.None : kind };
        await CallAsync("Alarm", request);
        var answer = (AlarmResponse)(await CallAsync("Alarm", new AlarmRequest())).Answer!;
        _kind = answer.Alarms.Select(static alarm => alarm.Alarm).FirstOrDefault();
        World.Alarmed = answer.Alarms.Count > 0;
    }
}
