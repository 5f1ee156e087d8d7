using System.Collections.Frozen;

namespace EtcdNet.Host.Configuration;

/// <summary>
/// The one list of flags: every flag of etcd 3.4 to 3.8, its old names and those accepted without effect, with what
/// EtcdNet does about each, and a few of our own. Command line, environment, file, help and checks all read it.
/// </summary>
/// <remarks>To build a flag: turn its status to Built, add a property to <see cref="EtcdOptions"/> and read it in <see cref="OptionsReader"/>.</remarks>
public static partial class FlagTable
{
    /// <summary>All rows, in the order of <c>--help</c> within a group.</summary>
    public static IReadOnlyList<Flag> All { get; } =
        [.. MemberFlags, .. ClusteringFlags, .. SecurityFlags, .. ObservingFlags, .. OwnFlags, .. OldFlags];

    /// <summary>Rows by name.</summary>
    public static FrozenDictionary<string, Flag> ByName { get; } = All.ToFrozenDictionary(flag => flag.Name);

    /// <summary>Rows by name of the environment variable.</summary>
    public static FrozenDictionary<string, Flag> ByEnvironmentName { get; } = All.ToFrozenDictionary(flag => flag.EnvironmentName);

    /// <summary>Rows by path in a configuration file.</summary>
    public static FrozenDictionary<string, Flag> ByYamlPath { get; } =
        All.Where(flag => flag.YamlPath is not null).ToFrozenDictionary(flag => flag.YamlPath!);
}
