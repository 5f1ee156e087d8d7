namespace EtcdNet.Testing.Simulated;

/// <summary>A network that loses, delays, doubles and reorders what is sent, and can be cut in each direction on its own.</summary>
public sealed class SimNetwork(SimSchedule schedule, Random random)
{
    private readonly HashSet<(ulong From, ulong To)> _cuts = [];

    /// <summary>Share of messages that are lost.</summary>
    public double Loss { get; set; }

    /// <summary>Share of messages that arrive twice.</summary>
    public double Doubling { get; set; }

    /// <summary>Share of messages that are late by up to <see cref="LateMax"/>.</summary>
    public double Lateness { get; set; }

    /// <summary>Usual delay at most, microseconds.</summary>
    public int DelayMax { get; set; } = 1000;

    /// <summary>Delay of late messages at most, microseconds.</summary>
    public int LateMax { get; set; } = 50_000;

    /// <summary>Directions that are cut.</summary>
    public int CutCount => _cuts.Count;

    /// <summary>Nothing arrives in that direction any more, what is on its way included.</summary>
    public void Cut(ulong from, ulong to) => _cuts.Add((from, to));

    /// <summary>Mends everything.</summary>
    public void Heal() => _cuts.Clear();

    /// <summary>Mends what was cut around one machine.</summary>
    public void Mend(ulong id) => _cuts.RemoveWhere(cut => cut.From == id || cut.To == id);

    /// <summary>True while that direction is cut.</summary>
    public bool IsCut(ulong from, ulong to) => _cuts.Contains((from, to));

    /// <summary>No loss, no doubling, no lateness from now on.</summary>
    public void Calm()
    {
        Heal();
        (Loss, Doubling, Lateness) = (0, 0, 0);
    }

    /// <summary>Sends something. <paramref name="deliver"/> is called never, once or, unless <paramref name="once"/>, twice.</summary>
    public void Send(ulong from, ulong to, Action deliver, bool once)
    {
        if (random.NextDouble() < Loss)
            return;
        Deliver(from, to, deliver);
        if (!once && random.NextDouble() < Doubling)
            Deliver(from, to, deliver);
    }

    private void Deliver(ulong from, ulong to, Action deliver)
    {
        long delay = random.Next(20, DelayMax);
        if (random.NextDouble() < Lateness)
            delay += random.Next(LateMax);
        schedule.After(delay, () =>
        {
            if (!IsCut(from, to))
                deliver();
        });
    }
}
