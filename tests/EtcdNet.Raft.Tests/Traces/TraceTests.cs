using System.Runtime.CompilerServices;

namespace EtcdNet.Raft.Tests.Traces;

/// <summary>
/// Replays traces: commands and the exact text they must print. The project's own scripts always run; etcd's traces run when the
/// directory with them is there (environment variable ETCD_RAFT_TESTDATA, else <c>../shared/raft-testdata</c> beside the repository).
/// </summary>
public sealed class TraceTests
{
    private const string Variable = "ETCD_RAFT_TESTDATA";

    /// <summary>When set, the answers in the project's own scripts are replaced by what is printed, to be read before a commit.</summary>
    private const string RewriteVariable = "ETCDNET_REWRITE_SCRIPTS";

    public static TheoryData<string> OwnScripts => Files(Path.Combine(AppContext.BaseDirectory, "scripts"));

    public static TheoryData<string> EtcdTraces => Files(EtcdDirectory());

    [Theory]
    [MemberData(nameof(OwnScripts))]
    public void Own_script_prints_what_it_says(string file)
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(RewriteVariable)))
            Replay(Path.Combine(AppContext.BaseDirectory, "scripts"), file);
        else
            Rewrite(Path.Combine(SourceDirectory(), "../scripts", file), TraceFor(file));
    }

    [Theory]
    [MemberData(nameof(EtcdTraces))]
    public void Etcd_trace_prints_the_same(string file)
    {
        // Absent traces are fine, unless somebody said where they are.
        if (file.Length == 0)
            Assert.True(string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Variable)), $"no traces in {EtcdDirectory()}");
        else
            Replay(EtcdDirectory(), file);
    }

    [Fact]
    public void An_unknown_command_fails()
    {
        var block = new TraceBlock(1, 0..0, "no-such-command", [], "", "ok\n");
        Assert.Equal("unknown command\n", new InteractionTrace().Run(block));
    }

    private static void Replay(string directory, string file)
    {
        var path = Path.Combine(directory, file);
        var trace = TraceFor(file);
        var blocks = 0;
        foreach (var block in TraceReader.Read(path))
        {
            blocks++;
            var actual = trace.Run(block);
            Assert.True(block.Expected == actual, $"{path}:{block.Line}: {block.Command}\n--- expected\n{block.Expected}--- actual\n{actual}");
        }

        Assert.True(blocks > 0, $"{path} holds no commands");
    }

    private static void Rewrite(string path, ITrace trace)
    {
        var lines = File.ReadAllLines(path);
        var rewritten = new List<string>();
        var copied = 0;
        foreach (var block in TraceReader.Read(path).ToList())
        {
            rewritten.AddRange(lines[copied..block.Answer.Start.Value]);
            rewritten.AddRange(trace.Run(block).TrimEnd('\n').Split('\n'));
            copied = block.Answer.End.Value;
        }

        rewritten.AddRange(lines[copied..]);
        File.WriteAllLines(path, rewritten);
    }

    private static ITrace TraceFor(string file) => Path.GetDirectoryName(file) switch
    {
        "quorum" => new QuorumTrace(),
        "confchange" => new ConfChangeTrace(),
        "interaction" => new InteractionTrace(),
        var other => throw new InvalidOperationException($"no runner for traces in '{other}'"),
    };

    /// <summary>All files below the directory; one empty name when there are none, as a theory must have data.</summary>
    private static TheoryData<string> Files(string directory)
    {
        var data = new TheoryData<string>();
        if (Directory.Exists(directory))
        {
            foreach (var path in Directory.EnumerateFiles(directory, "*.txt", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
                data.Add(Path.GetRelativePath(directory, path));
        }

        if (data.Count == 0)
            data.Add("");
        return data;
    }

    private static string EtcdDirectory() =>
        Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } configured ? configured
            : Path.GetFullPath(Path.Combine(SourceDirectory(), "../../../../shared/raft-testdata"));

    private static string SourceDirectory([CallerFilePath] string file = "") => Path.GetDirectoryName(file)!;
}
