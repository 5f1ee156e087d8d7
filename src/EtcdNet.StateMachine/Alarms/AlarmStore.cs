using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.StateMachine.Alarms;

/// <summary>The alarms that members raised. Changed on the applier's thread only; read from any thread.</summary>
public sealed class AlarmStore
{
    private (AlarmType Alarm, ulong Member)[] _active = [];

    /// <summary>Some member is out of space.</summary>
    public bool HasNoSpace => Has(AlarmType.Nospace);

    /// <summary>Some member's data is corrupt.</summary>
    public bool HasCorrupt => Has(AlarmType.Corrupt);

    /// <summary>The active alarms of a type (<see cref="AlarmType.None"/>: of all types), by type and member.</summary>
    public AlarmMember[] Get(AlarmType alarm) =>
        [.. from entry in Volatile.Read(ref _active)
            where alarm == AlarmType.None || entry.Alarm == alarm
            select new AlarmMember { MemberID = entry.Member, Alarm = entry.Alarm }];

    internal void Activate(ulong member, AlarmType alarm)
    {
        if (!_active.Contains((alarm, member)))
            Volatile.Write(ref _active, [.. _active.Append((alarm, member)).Order()]);
    }

    /// <returns>False when it was not active.</returns>
    internal bool Deactivate(ulong member, AlarmType alarm)
    {
        bool was = _active.Contains((alarm, member));
        if (was)
            Volatile.Write(ref _active, [.. _active.Where(entry => entry != (alarm, member))]);
        return was;
    }

    internal void Adopt(AlarmStore other) => Volatile.Write(ref _active, other._active);

    private bool Has(AlarmType alarm)
    {
        foreach ((AlarmType active, _) in Volatile.Read(ref _active))
        {
            if (active == alarm)
                return true;
        }
        return false;
    }
}
