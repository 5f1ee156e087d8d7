namespace EtcdNet.Raft.Quorum;

/// <summary>Outcome of a vote.</summary>
public enum VoteResult
{
    /// <summary>Open: the missing votes decide.</summary>
    Pending = 1,

    /// <summary>A quorum said no, or so many that yes cannot win any more.</summary>
    Lost = 2,

    /// <summary>A quorum said yes.</summary>
    Won = 3,
}

/// <summary>Knows how far each voter has acknowledged the log.</summary>
public interface IAcknowledged
{
    /// <summary>False when nothing is known of the voter, which counts as 0.</summary>
    bool TryGet(ulong id, out ulong index);
}

/// <summary>A set of voters that decides by majority. The empty set agrees to everything, which makes it neutral in a joint quorum.</summary>
public sealed class MajorityQuorum
{
    private const int MaxOnStack = 16;

    private readonly ulong[] _ids;

    /// <summary>Any order, no duplicates.</summary>
    public MajorityQuorum(IEnumerable<ulong> ids)
    {
        _ids = [.. ids];
        Array.Sort(_ids);
    }

    /// <summary>Nobody.</summary>
    public static MajorityQuorum Empty { get; } = new([]);

    /// <summary>The voters, ascending.</summary>
    public ReadOnlySpan<ulong> Ids => _ids;

    /// <summary>Number of voters.</summary>
    public int Count => _ids.Length;

    /// <summary>True when <paramref name="id"/> is a voter.</summary>
    public bool Contains(ulong id) => Array.BinarySearch(_ids, id) >= 0;

    /// <summary>The highest index that a majority has acknowledged; <see cref="ulong.MaxValue"/> for the empty set.</summary>
    public ulong Committed<T>(T acknowledged)
        where T : IAcknowledged
    {
        var n = _ids.Length;
        if (n == 0)
            return ulong.MaxValue;
        var sorted = n <= MaxOnStack ? stackalloc ulong[n] : new ulong[n];
        for (var i = 0; i < n; i++)
            sorted[i] = acknowledged.TryGet(_ids[i], out var index) ? index : 0;
        sorted.Sort();

        // The upper (n / 2 + 1) members have at least this index.
        return sorted[n - ((n / 2) + 1)];
    }

    /// <summary>Counts votes; who is missing in <paramref name="votes"/> has not voted.</summary>
    public VoteResult Vote(IReadOnlyDictionary<ulong, bool> votes)
    {
        ArgumentNullException.ThrowIfNull(votes);
        if (_ids.Length == 0)
            return VoteResult.Won;
        var (granted, missing) = (0, 0);
        foreach (var id in _ids)
        {
            if (!votes.TryGetValue(id, out var yes))
                missing++;
            else if (yes)
                granted++;
        }

        var needed = (_ids.Length / 2) + 1;
        if (granted >= needed)
            return VoteResult.Won;
        return granted + missing >= needed ? VoteResult.Pending : VoteResult.Lost;
    }

    /// <summary>As in logs: <c>(1 2 3)</c>.</summary>
    public override string ToString() => $"({string.Join(' ', _ids)})";
}
