using System.Globalization;
using System.Runtime.CompilerServices;

namespace EtcdNet.Testing;

/// <summary>
/// Where the randomised tests take their seed from. Without a word each test has a seed of its own that is the same in every run, so that
/// a build never fails by luck; <c>ETCDNET_SEED=random</c> looks for what those seeds do not find, <c>ETCDNET_SEED=n</c> repeats one.
/// Compiled into every test project.
/// </summary>
internal static class TestSeed
{
    /// <summary>The seed of the test that calls; the test prints it.</summary>
    public static int Next([CallerMemberName] string test = "")
    {
        string? wanted = Environment.GetEnvironmentVariable("ETCDNET_SEED");
        if (wanted == "random")
            return Random.Shared.Next();
        if (!string.IsNullOrEmpty(wanted))
            return int.Parse(wanted, CultureInfo.InvariantCulture);
        // Not string.GetHashCode, which is another in each process.
        return (int)(test.Aggregate(2_166_136_261u, static (hash, letter) => (hash ^ letter) * 16_777_619u) & int.MaxValue);
    }

    /// <summary>Whether tests have their own seeds: what comes of those is known, what another one never meets is chance.</summary>
    public static bool IsOwn => string.IsNullOrEmpty(Environment.GetEnvironmentVariable("ETCDNET_SEED"));

    /// <summary>A number from the environment: how much a test does.</summary>
    public static int Setting(string name, int usual) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : usual;
}
