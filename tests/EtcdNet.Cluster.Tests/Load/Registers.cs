using System.Globalization;

namespace EtcdNet.Cluster.Tests.Load;

/// <summary>
/// The keys that clients of one phase share. A key is used for a number of operations and then replaced by a fresh one, so that
/// judging stays quick; every value is written by one operation only. Any thread.
/// </summary>
internal sealed class Registers(int phase)
{
    /// <summary>Everything under it is a register; watchers watch it.</summary>
    public const string Prefix = "r/";

    private const int Slots = 8;
    private const int OperationsPerKey = 120;
    private static long _value;
    private readonly int[] _used = new int[Slots];
    private readonly long[] _lastSeen = new long[Slots];

    /// <summary>A value that nobody has written yet.</summary>
    public static long NextValue() => Interlocked.Increment(ref _value);

    /// <summary>A key, and which one it is for <see cref="Saw"/>.</summary>
    public (string Key, int Slot) Choose(Random random)
    {
        int slot = random.Next(Slots);
        int generation = Interlocked.Increment(ref _used[slot]) / OperationsPerKey;
        return (string.Create(CultureInfo.InvariantCulture, $"{Prefix}{phase}/{slot}/{generation}"), slot);
    }

    /// <summary>A value that some client has seen lately: what a swap may expect.</summary>
    public long Guess(int slot) => Volatile.Read(ref _lastSeen[slot]);

    /// <summary>A client has seen or written it.</summary>
    public void Saw(int slot, long value) => Volatile.Write(ref _lastSeen[slot], value);
}
