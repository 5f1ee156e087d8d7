using System.Diagnostics;
using System.Globalization;
using EtcdNet.Storage.Disk;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Storage.Tests;

/// <summary>kill -9 at any moment loses nothing that was acknowledged.</summary>
public sealed class KillTests(ITestOutputHelper output)
{
    [Fact]
    public void Acknowledged_entries_survive_kill_after_kill()
    {
        using var temp = new TempDirectory();
        string directory = Path.Combine(temp.Path, "data");
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        ulong acknowledged = 0;
        for (int round = 0; round < 6; round++)
        {
            ulong before = acknowledged;
            acknowledged = RunAndKill(directory, random.Next(1, 60));
            Assert.True(acknowledged >= before, $"round {round}: {acknowledged} after {before}");
        }

        using var member = new ToyMember(new FileDisk(), directory, ToyMember.KillOptions);
        member.AssertComplete(acknowledged, 2000);
    }

    // The last index that the child reported before it was killed.
    private static ulong RunAndKill(string directory, int reports)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(KillTests).Assembly.Location);
        start.ArgumentList.Add(directory);
        using Process child = Process.Start(start)!;
        ulong last = 0;
        try
        {
            for (int i = 0; i <= reports; i++)
                last = ulong.Parse(child.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the child ended by itself"), CultureInfo.InvariantCulture);
        }
        finally
        {
            child.Kill();
        }

        while (child.StandardOutput.ReadLine() is { } line)
        {
            if (ulong.TryParse(line, out ulong more))
                last = Math.Max(last, more);
        }

        child.WaitForExit();
        return last;
    }
}
