namespace EtcdNet.StateMachine.Auth;

/// <summary>What a permission allows. The numbers are those of the wire.</summary>
public enum PermissionType
{
    /// <summary>Range and watch.</summary>
    Read = 0,

    /// <summary>Put and delete.</summary>
    Write = 1,

    /// <summary>Both.</summary>
    ReadWrite = 2,
}

/// <summary>
/// Allows something with the keys of a range: no <paramref name="RangeEnd"/> is the one key, a single zero byte is every key
/// from <paramref name="Key"/> on, else the range is half open.
/// </summary>
/// <param name="Type">What is allowed. A number that no version knows allows nothing.</param>
/// <param name="Key">First key, not empty.</param>
/// <param name="RangeEnd">See the type.</param>
public sealed record Permission(PermissionType Type, ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> RangeEnd)
{
    /// <summary>True when some key can lie in the range; anything else cannot be granted.</summary>
    public static bool IsRange(ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd) =>
        !key.IsEmpty && (rangeEnd.IsEmpty || KeyIntervals.IsOpenEnd(rangeEnd) || key.SequenceCompareTo(rangeEnd) < 0);

    /// <summary>True for exactly this range.</summary>
    public bool IsFor(ReadOnlySpan<byte> key, ReadOnlySpan<byte> rangeEnd) =>
        Key.Span.SequenceEqual(key) && RangeEnd.Span.SequenceEqual(rangeEnd);
}
