using System.Diagnostics;
using System.Text.RegularExpressions;

namespace EtcdNet.Testing.Processes;

/// <summary>A server program that the black-box tests can run: EtcdNet, or a real etcd as the oracle.</summary>
/// <param name="Name">Short name for messages, for example <c>etcd 3.5.30</c>.</param>
/// <param name="Binary">Path of the program.</param>
/// <param name="Version">The etcd release whose behaviour the program shows.</param>
/// <param name="IsEtcdNet">Whether this is our own server.</param>
public sealed partial record ServerTarget(string Name, string Binary, Version Version, bool IsEtcdNet)
{
    private const string DebianEtcd = "/usr/bin/etcd";

    /// <summary>
    /// The server that the tests examine, chosen by the environment variable ETCDNET_TEST_TARGET: <c>etcdnet</c> (default),
    /// <c>etcd</c> (the preferred oracle) or <c>etcd-debian</c> (the etcd that is installed on the system).
    /// </summary>
    public static ServerTarget UnderTest { get; } = Environment.GetEnvironmentVariable("ETCDNET_TEST_TARGET") switch
    {
        null or "" or "etcdnet" => EtcdNet,
        "etcd" => Oracle,
        "etcd-debian" => FromBinary("etcd", DebianEtcd, false),
        var other => throw new InvalidOperationException($"ETCDNET_TEST_TARGET={other} is none of etcdnet, etcd, etcd-debian"),
    };

    /// <summary>Our own server, built in the same configuration as the running tests. ETCDNET_BINARY names another build.</summary>
    public static ServerTarget EtcdNet => FromBinary("etcdnet", Environment.GetEnvironmentVariable("ETCDNET_BINARY") ?? BuiltHost(), true);

    /// <summary>The real etcd that answers are compared with: the one that tests/run unpacked into artifacts, else the system's.</summary>
    public static ServerTarget Oracle
    {
        get
        {
            var unpacked = Path.Combine(Artifacts(), "etcd-3.5", "usr", "bin", "etcd");
            return FromBinary("etcd", File.Exists(unpacked) ? unpacked : DebianEtcd, false);
        }
    }

    /// <summary>Whether the behaviour of this etcd release or a later one is expected.</summary>
    public bool AtLeast(int major, int minor) => Version >= new Version(major, minor);

    /// <summary>The build output folder of the repository, found from where the running program lies.</summary>
    public static string Artifacts()
    {
        for (var dir = new DirectoryInfo(AppContext.BaseDirectory); dir is not null; dir = dir.Parent)
        {
            if (dir.Name == "artifacts")
                return dir.FullName;
        }

        throw new InvalidOperationException($"{AppContext.BaseDirectory} does not lie under a folder named artifacts");
    }

    private static string BuiltHost()
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name;
        return Path.Combine(Artifacts(), "bin", "EtcdNet.Host", configuration, "etcdnet");
    }

    private static ServerTarget FromBinary(string name, string binary, bool isEtcdNet)
    {
        if (!File.Exists(binary))
            throw new FileNotFoundException($"no {name} server program; tests/run builds or installs it", binary);
        var start = new ProcessStartInfo(binary, ["--version"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        var match = VersionLine().Match(output);
        if (!match.Success)
            throw new InvalidOperationException($"{binary} --version printed no line 'etcd Version: X': {output}");
        var version = Version.Parse(match.Groups[1].Value);
        return new ServerTarget($"{name} {version}", binary, version, isEtcdNet);
    }

    [GeneratedRegex(@"^etcd Version: (\d+\.\d+\.\d+)", RegexOptions.Multiline)]
    private static partial Regex VersionLine();
}
