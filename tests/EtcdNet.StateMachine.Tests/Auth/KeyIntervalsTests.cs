using EtcdNet.StateMachine.Auth;
using EtcdNet.Testing;
using Xunit.Abstractions;

namespace EtcdNet.StateMachine.Tests.Auth;

/// <summary>Whether permissions together cover a range.</summary>
public sealed class KeyIntervalsTests(ITestOutputHelper output)
{
    [Theory]
    [InlineData("a-c", "a", "", true)]
    [InlineData("a-c", "c", "", false)]
    [InlineData("a-c b-d", "a", "d", true)]
    [InlineData("a-b b-c", "a", "c", true)] // they touch
    [InlineData("a-b c-d", "a", "d", false)]
    [InlineData("a", "a", "", true)]
    [InlineData("a", "a", "b", false)]
    [InlineData("a", "a", "a\0", true)] // the one key as a range
    [InlineData("a a\0", "a", "a\0\0", true)]
    [InlineData("a-\0", "zzz", "", true)]
    [InlineData("a-\0", "b", "\0", true)]
    [InlineData("b-\0", "a", "\0", false)]
    [InlineData("a-z", "b", "\0", false)] // an open end needs an open end
    [InlineData("a-c d-\0 c-d", "a", "\0", true)]
    [InlineData("a-c", "b", "a", true)] // an empty range reads nothing
    [InlineData("b-c", "a", "a", false)]
    [InlineData("", "a", "", false)]
    public void Covers(string granted, string key, string rangeEnd, bool expected) =>
        Assert.Equal(expected, Of(granted).Covers(Bytes(key), Bytes(rangeEnd)));

    [Fact]
    public void Random_permissions_cover_what_they_cover_key_by_key()
    {
        int seed = TestSeed.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        // All keys of up to two letters: between two neighbours no other key can tell a difference for borders of one letter.
        const string letters = "abcde";
        string[] universe = [.. from a in letters from b in "\0ab".Append(' ') select b == ' ' ? $"{a}" : $"{a}{b}", "zz"];
        for (int round = 0; round < 5000; round++)
        {
            Permission[] permissions = [.. Enumerable.Range(0, random.Next(5)).Select(_ => RandomPermission(random, letters))];
            var intervals = new KeyIntervals(permissions);
            string key = Letter(), end = random.Next(4) switch { 0 => "", 1 => "\0", _ => Letter() };
            bool[] keys = [.. universe.Where(one => Contains(key, end, one)).Select(one => permissions.Any(permission => Holds(permission, one)))];
            if (keys.Length == 0)
                continue;
            // Beyond the last key of the universe only an open end goes on.
            bool expected = keys.All(static held => held) && (end != "\0" || permissions.Any(static permission => permission.RangeEnd.Span is [0]));
            Assert.True(expected == intervals.Covers(Bytes(key), Bytes(end)), $"round {round}: {Show(permissions)} / {key}-{end}");
        }

        string Letter() => letters[random.Next(letters.Length)].ToString();
    }

    private static Permission RandomPermission(Random random, string letters)
    {
        string key = letters[random.Next(letters.Length)].ToString();
        string end = random.Next(4) switch { 0 => "", 1 => "\0", _ => ((char)(key[0] + 1 + random.Next(3))).ToString() };
        return new Permission(PermissionType.Read, Bytes(key), Bytes(end));
    }

    private static bool Holds(Permission permission, string key) =>
        Contains(System.Text.Encoding.Latin1.GetString(permission.Key.Span), System.Text.Encoding.Latin1.GetString(permission.RangeEnd.Span), key);

    private static bool Contains(string begin, string end, string key) => end switch
    {
        "" => key == begin,
        "\0" => string.CompareOrdinal(key, begin) >= 0,
        _ => string.CompareOrdinal(key, begin) >= 0 && string.CompareOrdinal(key, end) < 0,
    };

    private static string Show(Permission[] permissions) =>
        string.Join(' ', permissions.Select(static one => $"{Convert.ToHexString(one.Key.Span)}-{Convert.ToHexString(one.RangeEnd.Span)}"));

    private static KeyIntervals Of(string granted) => new(
        granted.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(static one => one.Split('-'))
            .Select(static parts => new Permission(PermissionType.Read, Bytes(parts[0]), Bytes(parts.Length > 1 ? parts[1] : ""))));

    private static byte[] Bytes(string text) => System.Text.Encoding.Latin1.GetBytes(text);
}
