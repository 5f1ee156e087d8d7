namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// A point in the history of the store. All operations of one write transaction share <paramref name="Main"/>;
/// <paramref name="Sub"/> counts them from 0 in event order. An empty store is at main revision 1.
/// </summary>
public readonly record struct Revision(long Main, int Sub) : IComparable<Revision>
{
    /// <inheritdoc/>
    public int CompareTo(Revision other)
    {
        int byMain = Main.CompareTo(other.Main);
        return byMain != 0 ? byMain : Sub.CompareTo(other.Sub);
    }

    /// <summary>Earlier than.</summary>
    public static bool operator <(Revision left, Revision right) => left.CompareTo(right) < 0;

    /// <summary>Later than.</summary>
    public static bool operator >(Revision left, Revision right) => left.CompareTo(right) > 0;

    /// <summary>Not later than.</summary>
    public static bool operator <=(Revision left, Revision right) => left.CompareTo(right) <= 0;

    /// <summary>Not earlier than.</summary>
    public static bool operator >=(Revision left, Revision right) => left.CompareTo(right) >= 0;

    /// <inheritdoc/>
    public override string ToString() => $"{Main}/{Sub}";
}
