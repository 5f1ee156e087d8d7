using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using EtcdNet.Storage;
using EtcdNet.Storage.WriteAhead;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.Server.Tests.Damage;

/// <summary>
/// Every file of a member's directory, damaged in every way: the start repairs it from what is intact, or refuses and says
/// which file, what was found and what to do. One more outcome is possible, and only after a power cut: batches at the very
/// end of the log that the damage itself has wiped out cannot be told from batches that were never written.
/// Environment: ETCDNET_DAMAGE_CASES (starts, default 1400), ETCDNET_SEED.
/// </summary>
public sealed partial class DamageMatrixTests(ITestOutputHelper output)
{
    private readonly SortedDictionary<string, int[]> _matrix = new(StringComparer.Ordinal);
    private readonly Dictionary<ulong, string> _beginnings = [];
    private readonly List<string> _failures = [];
    private readonly HashSet<string> _refusals = [];
    private readonly List<SimDisk> _repaired = [];
    private int _repairs;
    private readonly int _seed = TestSeed.Next();

    private enum Outcome
    {
        Repaired,
        Refused,
        Shortened,
    }

    [Fact]
    public async Task Every_damage_is_repaired_or_refused()
    {
        int cases = TestSeed.Setting("ETCDNET_DAMAGE_CASES", 1400);
        output.WriteLine($"seed {_seed}, {cases} starts");
        var random = new Random(_seed);
        LeftBehind[] all = await MemberYard.LiveAsync(_seed);
        foreach (LeftBehind left in all)
        {
            (string Path, BlowKind Kind)[] cells = [.. left.Disk.Files().SelectMany(path => Blow.Kinds.Select(kind => (path, kind)))];
            int singles = Math.Max(cells.Length, cases * 3 / 4 / all.Length);
            for (int i = 0; i < singles; i++)
                Start(left, [cells[i % cells.Length]], random);
            for (int i = 0; i < cases / 4 / all.Length; i++)
                Start(left, [cells[random.Next(cells.Length)], cells[random.Next(cells.Length)]], random);
        }

        foreach (SimDisk repaired in _repaired)
            await MemberYard.LiveOnAsync(repaired);
        Report("damage-matrix.txt");
    }

    [Fact]
    public async Task Every_cut_of_the_log_is_repaired_or_refused()
    {
        output.WriteLine($"seed {_seed}");
        foreach (LeftBehind left in await MemberYard.LiveAsync(_seed))
        {
            string last = MemberYard.Segments(left.Disk)[^1];
            byte[] whole = left.Disk.Bytes(last);
            SimDisk lastAlone = OnlyLastSegment(left.Disk);
            int used = Blow.UsedBytes(whole);
            var edges = new LogEnd(whole).Edges.ToHashSet();
            string before = "";
            for (int cut = 0; cut <= used; cut++)
            {
                byte[] zeroed = (byte[])whole.Clone();
                zeroed.AsSpan(cut).Clear();
                lastAlone.Put(last, zeroed);
                // The log's verdict decides; the whole member is started where it changes.
                string verdict = VerdictOf(lastAlone);
                if (verdict != before || edges.Contains(cut))
                {
                    SimDisk copy = left.Disk.Clone();
                    copy.Put(last, zeroed);
                    Judge(left, copy, [last], $"{left.Ending} zeroed from {cut}", Row(left, last, "zeroed from every byte"));
                }

                before = verdict;
                lastAlone.Put(last, whole[..cut]);
                Assert.True(VerdictOf(lastAlone) == "refused", $"seed {_seed}: a log file cut to {cut} bytes was not noticed");
            }
        }

        Report("damage-cuts.txt");
    }

    private void Start(LeftBehind left, (string Path, BlowKind Kind)[] blows, Random random)
    {
        SimDisk copy = left.Disk.Clone();
        string what = $"{left.Ending} {string.Join(" and ", blows.Select(blow => $"{blow.Kind} {blow.Path}"))}";
        foreach ((string path, BlowKind kind) in blows)
        {
            if (!copy.FileExists(path) || !Blow.Strike(copy, path, kind, left, random))
                return;
        }

        string row = blows.Length == 1 ? Row(left, blows[0].Path, blows[0].Kind.ToString()) : $"{left.Ending,-9}pairs";
        Judge(left, copy, [.. blows.Select(blow => blow.Path)], what, row);
    }

    private void Judge(LeftBehind left, SimDisk disk, string[] hit, string what, string row)
    {
        SimDisk struck = disk.Clone();
        try
        {
            (ulong last, string state) = StateDump.OfRecovered(MemberYard.Options, disk);
            if (state == left.State)
            {
                Count(row, Outcome.Repaired);
                if (++_repairs % 30 == 0 && _repaired.Count < 20)
                    _repaired.Add(disk);
            }
            else if (IsShortenedByTheDamage(left, struck, hit, last, state))
                Count(row, Outcome.Shortened);
            else
                _failures.Add($"{what}: the state is another one; the log ends at {last} and not at {left.LastIndex}; {FirstDifference(left.State, state)}");
        }
        catch (Exception e) when (e is DataDirectoryException or WalDamagedException)
        {
            Count(row, Outcome.Refused);
            JudgeMessage(e.Message, hit, what);
        }
        catch (Exception e)
        {
            _failures.Add($"{what}: {e}");
        }
    }

    private void JudgeMessage(string message, string[] hit, string what)
    {
        if (!hit.Any(path => Names(message, path)))
            _failures.Add($"{what}: the refusal does not name the file: {message}");
        if (!message.Contains(DamageAdvice.Text, StringComparison.Ordinal) && !message.Contains(DamageAdvice.OtherVersion, StringComparison.Ordinal))
            _failures.Add($"{what}: the refusal does not say what to do: {message}");
        _refusals.Add(Digits().Replace(message, "N"));
    }

    // A log file is also known by its number: when it is gone nobody knows the rest of its name. When both manifests are
    // gone nobody knows theirs, and the directory is named.
    private static bool Names(string message, string path) =>
        message.Contains(path, StringComparison.Ordinal)
        || (path.EndsWith(".manifest", StringComparison.Ordinal) && message.Contains($"no checkpoint in {Path.GetDirectoryName(path)}", StringComparison.Ordinal))
        || (path.EndsWith(".log", StringComparison.Ordinal) && message.Contains(Path.GetFileName(path)[..16], StringComparison.Ordinal));

    /// <summary>
    /// The outcome that cannot be avoided, by its exact rule: the power failed or the mark was hit too, the log's last file
    /// was hit, the state is that of a beginning of the log, and every batch that is missing was itself damaged.
    /// </summary>
    private bool IsShortenedByTheDamage(LeftBehind left, SimDisk struck, string[] hit, ulong last, string state)
    {
        string log = MemberYard.Segments(left.Disk)[^1];
        bool witnessed = left.Ending != Ending.PowerCut && !hit.Contains(MemberYard.Mark);
        if (witnessed || left.Ending == Ending.Stop || !hit.Contains(log) || last >= left.LastIndex)
            return false;
        if (!_beginnings.TryGetValue(last, out string? beginning))
            _beginnings[last] = beginning = StateDump.OfRecovered(MemberYard.Options, left.Disk.Clone(), last).State;
        byte[] before = left.Disk.Bytes(log);
        return state == beginning && new LogEnd(before).IsWipedFrom(last + 1, before, struck.Bytes(log));
    }

    // A log whose earlier files were released reads much faster.
    private static SimDisk OnlyLastSegment(SimDisk disk)
    {
        SimDisk copy = disk.Clone();
        foreach (string path in MemberYard.Segments(disk).SkipLast(1))
            copy.Lose(path);
        return copy;
    }

    private static string VerdictOf(SimDisk disk)
    {
        try
        {
            return Wal.Read(disk, MemberYard.Member + "/wal").LastIndex.ToString(CultureInfo.InvariantCulture);
        }
        catch (WalDamagedException)
        {
            return "refused";
        }
    }

    private static string Row(LeftBehind left, string path, string damage)
    {
        string name = Path.GetFileName(path);
        string file = name switch
        {
            _ when name.EndsWith(".log", StringComparison.Ordinal) => path == MemberYard.Segments(left.Disk)[^1] ? "log, last file" : "log, file before",
            _ when name.EndsWith(".manifest", StringComparison.Ordinal) => path == MemberYard.Manifests(left.Disk)[^1] ? "manifest, newest" : "manifest, older",
            _ when path.Contains("/store/", StringComparison.Ordinal) => "store file",
            _ => name,
        };
        return $"{left.Ending,-9}{file,-17}{damage}";
    }

    private void Count(string row, Outcome outcome)
    {
        if (!_matrix.TryGetValue(row, out int[]? counts))
            _matrix.Add(row, counts = new int[3]);
        counts[(int)outcome]++;
    }

    private void Report(string fileName)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"seed {_seed}; {"end",-9}{"file",-17}{"damage",-24}repaired refused shortened");
        foreach ((string row, int[] counts) in _matrix)
            text.AppendLine(CultureInfo.InvariantCulture, $"{row,-50}{counts[0],8} {counts[1],7} {counts[2],9}");
        text.AppendLine("Refusals:").AppendJoin('\n', _refusals.Order(StringComparer.Ordinal));
        output.WriteLine(text.ToString());
        File.WriteAllText(Path.Combine(AppContext.BaseDirectory, fileName), text.ToString());
        Assert.True(_failures.Count == 0, $"seed {_seed}, {_failures.Count} failures:\n{string.Join('\n', _failures.Take(20))}");
        Assert.Contains(_matrix.Values, counts => counts[(int)Outcome.Repaired] > 0);
        Assert.Contains(_matrix.Values, counts => counts[(int)Outcome.Refused] > 0);
    }

    private static string FirstDifference(string expected, string actual)
    {
        string[] left = expected.Split('\n');
        string[] right = actual.Split('\n');
        int at = Enumerable.Range(0, Math.Min(left.Length, right.Length)).FirstOrDefault(i => left[i] != right[i]);
        return $"expected “{left[at]}”, found “{right[at]}”";
    }

    [GeneratedRegex("(?<=[ :])[0-9]+")]
    private static partial Regex Digits();
}
