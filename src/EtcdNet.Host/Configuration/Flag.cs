namespace EtcdNet.Host.Configuration;

/// <summary>How the text of a flag is read.</summary>
public enum FlagKind
{
    /// <summary>Any text.</summary>
    Text,

    /// <summary>A Go boolean (1 t T TRUE true True, 0 f …); on the command line the value may be left out.</summary>
    Bool,

    /// <summary>A signed 64-bit number.</summary>
    Int,

    /// <summary>A number that is not negative (64 bits).</summary>
    UInt,

    /// <summary>A number from 0 to 4294967295.</summary>
    UInt32,

    /// <summary>A Go duration (<c>1h30m</c>, <c>100ms</c>). In a file also a number of nanoseconds.</summary>
    Duration,

    /// <summary>URLs to listen on or to advertise, separated by commas; empty is allowed only where the default is empty.</summary>
    Urls,

    /// <summary>One of <see cref="Flag.Choices"/>.</summary>
    Choice,

    /// <summary>Texts separated by commas; a list in a file.</summary>
    List,
}

/// <summary>What EtcdNet does with a flag.</summary>
public enum FlagStatus
{
    /// <summary>It works.</summary>
    Built,

    /// <summary>It is known and its value is checked, but only the default is accepted so far.</summary>
    NotYet,

    /// <summary>It is accepted, has no effect, and a warning says so.</summary>
    Ignored,

    /// <summary>Gone in etcd 3.6: unknown on the command line, a warning when it comes from the environment or a file.</summary>
    Removed,
}

/// <summary>The headings of <c>--help</c>.</summary>
public enum FlagGroup
{
    Member,
    Clustering,
    Security,
    Auth,
    Monitoring,
    Logging,
    Tracing,
    Features,
    Unsafe,
    Deprecated,
}

/// <summary>One row of <see cref="FlagTable"/>.</summary>
/// <param name="Name">Without dashes.</param>
/// <param name="Default">As text, in the form that the flag takes.</param>
/// <param name="Help">One sentence.</param>
public sealed record Flag(string Name, FlagKind Kind, string Default, FlagGroup Group, FlagStatus Status, string Help)
{
    /// <summary>Path of the key in a configuration file, or null when a file cannot set it.</summary>
    public string? YamlPath { get; init; } = Name;

    /// <summary>Releases of etcd that know the flag.</summary>
    public string Versions { get; init; } = "3.4–3.8";

    /// <summary>Accepted values of a <see cref="FlagKind.Choice"/>.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>The flag that took over the meaning of this one.</summary>
    public string? ReplacedBy { get; init; }

    /// <summary>Name of the environment variable.</summary>
    public string EnvironmentName { get; } = "ETCD_" + Name.ToUpperInvariant().Replace('-', '_').Replace('.', '_');

    /// <summary>True when the command line needs no value for it.</summary>
    public bool IsSwitch => Kind == FlagKind.Bool || Status == FlagStatus.Ignored && Default.Length == 0 && Kind == FlagKind.Text;
}
