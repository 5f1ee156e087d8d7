using System.Text.RegularExpressions;

namespace EtcdNet.RepoRules.Tests;

/// <summary>What must not be in the code.</summary>
public sealed partial class HygieneTests
{
    [Fact]
    public void No_promises_instead_of_code() => AssertNowhere(Promise(), "src");

    [Fact]
    public void Tests_wait_for_conditions_and_not_for_time() => AssertNowhere(Sleep(), "tests");

    [Fact]
    public void Tests_do_not_hide() => AssertNowhere(Skip(), "tests");

    private static void AssertNowhere(Regex pattern, string folder)
    {
        IEnumerable<string> found =
            from path in Repository.SourceFiles(folder)
            where !path.EndsWith("HygieneTests.cs", StringComparison.Ordinal)
            from line in Repository.Lines(path).Select(static (text, index) => (Text: text, Number: index + 1))
            where pattern.IsMatch(line.Text)
            select $"{path}:{line.Number}: {line.Text.Trim()}";
        Assert.Empty(found);
    }

    [GeneratedRegex(@"NotImplementedException|\bTODO\b|\bFIXME\b|\bHACK\b")]
    private static partial Regex Promise();

    [GeneratedRegex(@"Thread\.Sleep\(|Task\.Delay\(")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"\bSkip\s*=|Assert\.Skip")]
    private static partial Regex Skip();
}
