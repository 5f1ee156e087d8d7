namespace EtcdNet.Conformance.Differential;

/// <summary>A place where releases of etcd answer differently.</summary>
/// <param name="Name">A short name.</param>
/// <param name="Oracle">The release whose answer the oracle gives.</param>
/// <param name="Since">The release that is followed: its answer has to be given.</param>
/// <param name="Why">What changed, and why the later release is followed.</param>
/// <param name="Followed">The answer of the release that is followed in place of the oracle's; null when the exchange has nothing to do with it.</param>
internal sealed record KnownDifference(string Name, string Oracle, string Since, string Why, Func<Exchange, Outcome?> Followed);
