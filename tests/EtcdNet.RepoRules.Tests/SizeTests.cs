using System.Text.RegularExpressions;

namespace EtcdNet.RepoRules.Tests;

/// <summary>Small files, functions that fit a screen. A ratchet: the lists of exceptions may only get shorter.</summary>
public sealed partial class SizeTests
{
    private const int FileLinesMax = 500;
    private const int FunctionLinesMax = 70;

    private static readonly Dictionary<string, int> FileExceptions = [];

    private static readonly Dictionary<string, int> FunctionExceptions = [];

    [Fact]
    public void Files_are_small()
    {
        IEnumerable<string> tooLong =
            from path in Repository.SourceFiles("src")
            let lines = Repository.Lines(path).Length
            where lines > FileExceptions.GetValueOrDefault(path, FileLinesMax)
            select $"{path}: {lines} lines";
        Assert.Empty(tooLong);
    }

    [Fact]
    public void Functions_fit_a_screen()
    {
        var tooLong = new List<string>();
        int functions = 0;
        foreach (string path in Repository.SourceFiles("src"))
        {
            foreach ((int line, int length) in Functions(Repository.Lines(path)))
            {
                functions++;
                if (length > FunctionExceptions.GetValueOrDefault(path, FunctionLinesMax))
                    tooLong.Add($"{path}:{line}: {length} lines");
            }
        }
        Assert.True(functions > 100, "the scan found hardly any function; it must be broken");
        Assert.Empty(tooLong);
    }

    /// <summary>Bodies of members of top-level types: an opening brace indented by one level, up to the closing one.</summary>
    private static IEnumerable<(int Line, int Length)> Functions(string[] lines)
    {
        for (int i = 1; i < lines.Length; i++)
        {
            if (lines[i] != "    {" || TypeDeclaration().IsMatch(lines[i - 1]))
                continue;
            int end = Array.IndexOf(lines, "    }", i);
            if (end > 0)
                yield return (i, end - i + 1);
        }
    }

    [GeneratedRegex(@"\b(class|struct|enum|interface|record)\b")]
    private static partial Regex TypeDeclaration();
}
