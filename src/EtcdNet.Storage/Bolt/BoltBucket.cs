namespace EtcdNet.Storage.Bolt;

/// <summary>A pair of a bucket; the memory need be valid only until the next pair is asked for.</summary>
public readonly record struct BoltPair(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value);

/// <summary>A bucket of a bbolt file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Pairs">Its pairs by key, ascending. Enumerated twice, and the same both times.</param>
public sealed record BoltBucket(string Name, IEnumerable<BoltPair> Pairs);
