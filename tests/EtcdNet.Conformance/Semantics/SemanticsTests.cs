using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Semantics;

/// <summary>Every script in Scripts/ on a fresh server: request by request, answer by answer.</summary>
public sealed class SemanticsTests
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "Scripts");

    /// <summary>The names of all scripts.</summary>
    public static TheoryData<string> Scripts => [.. Directory.GetFiles(_folder, "*.txt").Select(f => Path.GetFileName(f)!).Order()];

    [Theory]
    [MemberData(nameof(Scripts))]
    public async Task Script(string name)
    {
        await using var server = await ServerProcess.StartAsync(null, null, "--bcrypt-cost", "4");
        using var runner = new ScriptRunner(server);
        await runner.RunAsync(Path.Combine(_folder, name));
    }
}
