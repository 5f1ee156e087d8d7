namespace EtcdNet.StateMachine;

/// <summary>Keys are equal when their bytes are.</summary>
public sealed class KeyComparer : IEqualityComparer<ReadOnlyMemory<byte>>
{
    /// <summary>The one instance.</summary>
    public static KeyComparer Instance { get; } = new();

    /// <inheritdoc/>
    public bool Equals(ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span);

    /// <inheritdoc/>
    public int GetHashCode(ReadOnlyMemory<byte> obj)
    {
        var hash = new HashCode();
        hash.AddBytes(obj.Span);
        return hash.ToHashCode();
    }
}
