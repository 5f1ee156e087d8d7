using System.Buffers.Binary;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Faults;

/// <summary>
/// The wall clock of each member, which can be set while it runs: a small library is preloaded. A program that does not use the C
/// library (etcd) is not touched by it.
/// </summary>
internal sealed class WallClocks : IDisposable
{
    private readonly TempDirectory _directory = new();

    private WallClocks()
    {
    }

    /// <summary>Compiles the library.</summary>
    public static async Task<WallClocks> CreateAsync(int members)
    {
        var clocks = new WallClocks();
        for (int member = 0; member < members; member++)
            File.WriteAllBytes(clocks.FileOf(member), new byte[sizeof(long)]);
        string source = Path.Combine(AppContext.BaseDirectory, "Faults", "wallclock.c");
        var built = await Command.RunAsync("gcc", ["-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", clocks.Library, source]);
        if (built.ExitCode == 0)
            return clocks;
        clocks.Dispose();
        throw new InvalidOperationException($"gcc could not build {source}: {built.Error}");
    }

    private string Library => _directory.At("wallclock.so");

    /// <summary>What the environment of a member needs.</summary>
    public IReadOnlyDictionary<string, string> EnvironmentOf(int member) =>
        new Dictionary<string, string> { ["LD_PRELOAD"] = Library, ["ETCDNET_TEST_CLOCK"] = FileOf(member) };

    /// <summary>The clock of the member jumps to so much beside the true time.</summary>
    public void Set(int member, TimeSpan offset)
    {
        var bytes = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, (long)offset.TotalSeconds);
        using var file = new FileStream(FileOf(member), FileMode.Open, FileAccess.Write, FileShare.ReadWrite);
        file.Write(bytes);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private string FileOf(int member) => _directory.At($"clock{member}");
}
