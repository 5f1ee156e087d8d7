using EtcdNet.Testing.Simulated;

namespace EtcdNet.Testing.Histories;

/// <summary>What a client of a server process did to one key, and what it was told.</summary>
/// <param name="Key">The key.</param>
/// <param name="Register">The operation as one on a register: 0 is "no such key"; a delete writes 0, a delete of nothing and a refused swap are reads.</param>
/// <param name="Revision">The revision in the header of the answer; 0 without an answer.</param>
/// <param name="IsSerializable">A read that may be old, but not wrong.</param>
public sealed record ClientOperation(string Key, RegisterOperation Register, long Revision, bool IsSerializable = false)
{
    /// <summary>It may have changed the key.</summary>
    public bool IsWrite => Register.Action != RegisterAction.Read;

    /// <inheritdoc/>
    public override string ToString() => $"{Key}: {Register}{(Revision > 0 ? $" at revision {Revision}" : "")}{(IsSerializable ? " serializable" : "")}";
}

/// <summary>One change of the store, as a watcher sees it. The value 0 is a deletion.</summary>
public readonly record struct StoreEvent(long Revision, string Key, long Value);

/// <summary>What clients saw cannot have been, or a write is lost.</summary>
public sealed class HistoryException(string message) : Exception(message);
