namespace EtcdNet.Conformance.Differential;

/// <summary>
/// Says whether two answers are the same. Where etcd's releases differ, the oracle's answer is first changed to that of the release that is followed, so
/// that a known difference has to be there: it permits nothing.
/// </summary>
internal sealed class Judge(IReadOnlyList<KnownDifference> known)
{
    private readonly Dictionary<KnownDifference, int> _met = known.ToDictionary(static one => one, static _ => 0);

    /// <summary>How often each known difference was met.</summary>
    public IReadOnlyDictionary<KnownDifference, int> Met => _met;

    /// <summary>Null when the answers are the same, else both as text.</summary>
    public string? DifferenceOf(Exchange exchange)
    {
        foreach (KnownDifference one in known)
        {
            if (one.Followed(exchange) is not { } followed || followed == exchange.Expected)
                continue;
            _met[one]++;
            exchange = exchange with { Expected = followed };
        }

        return exchange.Expected == exchange.Answered ? null : $"\n  etcd:   {exchange.Expected}\n  tested: {exchange.Answered}";
    }
}
