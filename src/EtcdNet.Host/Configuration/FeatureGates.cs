using System.Collections.Frozen;
using EtcdNet.Server.Metrics;

namespace EtcdNet.Host.Configuration;

/// <summary>The feature gates of etcd 3.6 and 3.7 and which of them are on.</summary>
public sealed class FeatureGates
{
    private const string AllAlpha = "AllAlpha";
    private const string AllBeta = "AllBeta";

    private FeatureGates(FrozenDictionary<string, bool> enabled) => Enabled = enabled;

    /// <summary>Every gate with its stage (ALPHA or BETA) and default. TxnModeWriteWithSharedBuffer is about buffers of bbolt: nothing here depends on it.</summary>
    public static IReadOnlyList<(string Name, string Stage, bool Default)> Known { get; } =
    [
        (AllAlpha, "ALPHA", false),
        (AllBeta, "BETA", false),
        ("CompactHashCheck", "ALPHA", false),
        ("FastLeaseKeepAlive", "BETA", true),
        ("InitialCorruptCheck", "ALPHA", false),
        ("LeaseCheckpoint", "ALPHA", false),
        ("LeaseCheckpointPersist", "ALPHA", false),
        ("PriorityRequest", "ALPHA", false),
        ("SetMemberLocalAddr", "ALPHA", false),
        ("StopGRPCServiceOnDefrag", "ALPHA", false),
        ("TxnModeWriteWithSharedBuffer", "BETA", true),
    ];

    /// <summary>State of every gate.</summary>
    public FrozenDictionary<string, bool> Enabled { get; }

    /// <summary>Flags of etcd 3.4 and 3.5 that became gates, with their gate.</summary>
    public static IReadOnlyList<(string Flag, string Gate)> OldFlags { get; } =
    [
        ("experimental-compact-hash-check-enabled", "CompactHashCheck"),
        ("experimental-initial-corrupt-check", "InitialCorruptCheck"),
        ("experimental-enable-lease-checkpoint", "LeaseCheckpoint"),
        ("experimental-enable-lease-checkpoint-persist", "LeaseCheckpointPersist"),
        ("experimental-stop-grpc-service-on-defrag", "StopGRPCServiceOnDefrag"),
        ("experimental-txn-mode-write-with-shared-buffer", "TxnModeWriteWithSharedBuffer"),
    ];

    /// <summary>Reads <c>Name=bool,…</c>. A gate named by itself outranks AllAlpha and AllBeta.</summary>
    /// <param name="text">Value of <c>--feature-gates</c>.</param>
    /// <param name="oldFlags">What <see cref="OldFlags"/> were set to, for those that were given.</param>
    /// <exception cref="ConfigurationException">Unknown gate, wrong value, or a combination that is not allowed.</exception>
    public static FeatureGates Parse(string text, IReadOnlyDictionary<string, bool>? oldFlags = null)
    {
        var given = new Dictionary<string, bool>(StringComparer.Ordinal);
        foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var pair = part.Split('=', 2, StringSplitOptions.TrimEntries);
            if (pair.Length != 2) throw new ConfigurationException($"missing bool value for {pair[0]}");
            if (!GoValue.TryParseBool(pair[1], out var on)) throw new ConfigurationException($"invalid value of {pair[0]}: {pair[1]}, it must be true or false");
            if (Known.All(gate => gate.Name != pair[0])) throw new ConfigurationException($"unrecognized feature gate: {pair[0]}");
            given[pair[0]] = on;
        }
        foreach (var (flag, gate) in OldFlags)
        {
            if (oldFlags is null || !oldFlags.TryGetValue(flag, out var on)) continue;
            if (!given.TryAdd(gate, on))
                throw new ConfigurationException($"cannot specify both flags: --{flag}=(true|false) and --feature-gates={gate}=(true|false) at the same time, please just use --feature-gates={gate}=(true|false)");
        }
        var enabled = Known.ToFrozenDictionary(gate => gate.Name, gate => Effective(gate, given));
        if (enabled["LeaseCheckpointPersist"] && !enabled["LeaseCheckpoint"])
            throw new ConfigurationException("enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint");
        return new FeatureGates(enabled);
    }

    /// <summary>Shows every gate in etcd_server_feature_enabled.</summary>
    public void PublishTo(MetricFamily<Gauge> family)
    {
        foreach (var (name, stage, _) in Known) family.With(name, stage).Set(Enabled[name] ? 1 : 0);
    }

    private static bool Effective((string Name, string Stage, bool Default) gate, Dictionary<string, bool> given)
    {
        if (given.TryGetValue(gate.Name, out var on)) return on;
        if (gate.Name is AllAlpha or AllBeta) return gate.Default;
        return given.TryGetValue(gate.Stage == "ALPHA" ? AllAlpha : AllBeta, out var all) ? all : gate.Default;
    }
}
