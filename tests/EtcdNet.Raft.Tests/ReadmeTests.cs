using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace EtcdNet.Raft.Tests;

/// <summary>The table of rules in README.md names tests that exist.</summary>
public sealed partial class ReadmeTests
{
    [Fact]
    public void Every_test_in_the_table_of_rules_exists()
    {
        var tests = typeof(ReadmeTests).Assembly.GetTypes().SelectMany(t => t.GetMethods())
            .Where(m => m.GetCustomAttribute<FactAttribute>() is not null).Select(m => m.Name).ToHashSet();
        var named = TestName().Matches(File.ReadAllText(Path.Combine(Path.GetDirectoryName(SourceFile())!, "README.md")));
        Assert.True(named.Count > 50, "the table was not found");
        Assert.All(named, n => Assert.Contains(n.Groups[1].Value, tests));
    }

    [GeneratedRegex("`([A-Z][a-z]*(?:_\\w+)+)`")]
    private static partial Regex TestName();

    private static string SourceFile([CallerFilePath] string file = "") => file;
}
