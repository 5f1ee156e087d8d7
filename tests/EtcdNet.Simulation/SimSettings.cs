namespace EtcdNet.Simulation;

/// <summary>What a run is like, drawn from its seed. Times in microseconds of the simulated world.</summary>
internal sealed record SimSettings
{
    public required int Seed { get; init; }

    /// <summary>Voters at the beginning.</summary>
    public required int Members { get; init; }

    /// <summary>Members that may join later.</summary>
    public required int Spares { get; init; }

    public required int ElectionTicks { get; init; }

    public required bool PreVote { get; init; }

    public required bool CheckQuorum { get; init; }

    public required ulong MessageBytesMax { get; init; }

    public required int InflightMessagesMax { get; init; }

    public required ulong UncommittedBytesMax { get; init; }

    /// <summary>Entries kept for followers that lag.</summary>
    public required ulong CatchUpEntries { get; init; }

    /// <summary>Entries between two checkpoints.</summary>
    public required ulong CheckpointEntries { get; init; }

    public required int SegmentBytes { get; init; }

    public required int Clients { get; init; }

    public required int Keys { get; init; }

    /// <summary>Average pause of a client between two operations.</summary>
    public required int ThinkTime { get; init; }

    public required double Loss { get; init; }

    public required double Doubling { get; init; }

    public required double Lateness { get; init; }

    public required int DelayMax { get; init; }

    public required int LateMax { get; init; }

    /// <summary>Average time between two faults.</summary>
    public required int FaultInterval { get; init; }

    /// <summary>Chance that something goes wrong at once when a member has voted or begins to lead.</summary>
    public required double Malice { get; init; }

    /// <summary>Malice only cuts, and does not crash.</summary>
    public bool IsDuel { get; private init; }

    /// <summary>Weights of the kinds of faults.</summary>
    public required FaultWeights Weights { get; init; }

    /// <summary>Length of a tick; 10 ms, so that a run of seconds has hundreds of them.</summary>
    public const int TickTime = 10_000;

    public static SimSettings Draw(int seed, Random random)
    {
        int[] sizes = [1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 7];
        int members = sizes[random.Next(sizes.Length)];
        bool calmNetwork = random.Next(3) == 0;
        // Leaders that hardly live long enough to begin: where the rules about terms are decided.
        bool stormy = random.Next(4) == 0;
        var drawn = new SimSettings
        {
            Seed = seed,
            Members = members,
            Spares = Math.Min(3, 8 - members),
            ElectionTicks = random.Next(5, 13),
            PreVote = random.Next(stormy ? 2 : 4) != 0,
            CheckQuorum = random.Next(8) != 0,
            MessageBytesMax = random.Next(stormy ? 2 : 4) == 0 ? 1UL : 1UL << random.Next(7, 13),
            InflightMessagesMax = random.Next(1, 17),
            UncommittedBytesMax = (ulong)(1 << random.Next(9, 18)),
            CatchUpEntries = (ulong)random.Next(40),
            CheckpointEntries = (ulong)random.Next(10, 120),
            SegmentBytes = 4096 << random.Next(3),
            Clients = random.Next(2, 6),
            Keys = random.Next(1, 5),
            ThinkTime = random.Next(3_000, 40_000),
            Loss = calmNetwork ? 0 : random.NextDouble() * 0.1,
            Doubling = random.NextDouble() * 0.1,
            Lateness = random.NextDouble() * 0.15,
            DelayMax = random.Next(200, 4_000),
            LateMax = random.Next(5_000, 300_000),
            FaultInterval = random.Next(20_000, 150_000),
            Malice = stormy ? 0.4 + (random.NextDouble() * 0.5) : random.Next(2) == 0 ? 0 : random.NextDouble() * 0.4,
            Weights = FaultWeights.Draw(random),
        };
        return random.Next(8) == 0 ? drawn.AsDuel(random) : drawn;
    }

    /// <summary>
    /// A world in which nothing happens but that leaders are cut off when they begin, or when they have committed for the
    /// first time, while the one before comes back: the way in which logs part and meet again (Raft paper, figure 8).
    /// </summary>
    private SimSettings AsDuel(Random random) => this with
    {
        Members = random.Next(2) == 0 ? 3 : 5,
        Spares = 0,
        PreVote = false,
        MessageBytesMax = 1,
        Loss = 0,
        Lateness = 0,
        DelayMax = random.Next(500, 8_000),
        FaultInterval = 3_000_000,
        Malice = 0.7,
        IsDuel = true,
    };
}

/// <summary>How often which kind of fault happens in a run; some runs do without some kinds.</summary>
internal sealed record FaultWeights(int Crash, int Partition, int Disk, int Membership, int Transfer, int Clock, int Pause, int Compact)
{
    public int Sum => Crash + Partition + Disk + Membership + Transfer + Clock + Pause + Compact;

    public static FaultWeights Draw(Random random)
    {
        var weights = new FaultWeights(
            Weight(random), Weight(random), Weight(random) / 2, Weight(random), Weight(random) / 2, Weight(random) / 3, Weight(random) / 3,
            Weight(random) / 2);
        return weights.Sum == 0 ? weights with { Crash = 1 } : weights;
    }

    private static int Weight(Random random) => random.Next(4) == 0 ? 0 : random.Next(1, 20);
}
