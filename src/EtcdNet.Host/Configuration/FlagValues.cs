namespace EtcdNet.Host.Configuration;

/// <summary>Texts of the flags that were given, from whatever source, already checked by kind; defaults for the rest.</summary>
public sealed class FlagValues
{
    private readonly Dictionary<string, string> given = new(StringComparer.Ordinal);

    /// <summary>Names of the flags that were given.</summary>
    public IReadOnlyCollection<string> Given => given.Keys;

    /// <summary>True when the flag was given.</summary>
    public bool IsGiven(string name) => given.ContainsKey(name);

    /// <summary>Notes a value that <see cref="FlagCheck"/> has passed. The last one counts.</summary>
    public void Set(Flag flag, string text)
    {
        if (FlagCheck.Error(flag, text) is { } error) throw new ArgumentException($"{flag.Name}: {error}");
        given[flag.Name] = text;
    }

    /// <summary>The value as text.</summary>
    public string Text(string name) => given.TryGetValue(name, out var text) ? text : FlagTable.ByName[name].Default;

    /// <summary>The value of a boolean.</summary>
    public bool Bool(string name) => GoValue.Bool(Text(name));

    /// <summary>The value of a number.</summary>
    public long Integer(string name) => checked((long)GoValue.Integer(Text(name)));

    /// <summary>The value of a duration.</summary>
    public TimeSpan Duration(string name) => GoValue.Duration(Text(name));

    /// <summary>The value of a list of URLs; empty for an empty text.</summary>
    public IReadOnlyList<EtcdUrl> Urls(string name)
    {
        var text = Text(name);
        if (text.Length == 0) return [];
        return EtcdUrl.TryParseList(text, out var urls) is { } error ? throw new FormatException(error) : urls;
    }

    /// <summary>The parts of a comma list, without blanks and empty ones.</summary>
    public IReadOnlyList<string> List(string name) =>
        Text(name).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>Moves values given under an old name to the present one, unless that was given too; returns the old names used.</summary>
    public IReadOnlyList<Flag> ResolveOldNames()
    {
        var used = given.Keys.Select(name => FlagTable.ByName[name]).Where(flag => flag.ReplacedBy is not null)
            .OrderBy(flag => flag.Name, StringComparer.Ordinal).ToArray();
        foreach (var flag in used)
        {
            given.TryAdd(flag.ReplacedBy!, given[flag.Name]);
            given.Remove(flag.Name);
        }
        return used;
    }

    /// <summary>Names, with dashes, of flags that are not built yet and whose value is not the default.</summary>
    public IReadOnlyList<string> NotBuilt() =>
        given.Select(pair => (Flag: FlagTable.ByName[pair.Key], Text: pair.Value))
            .Where(pair => pair.Flag.Status == FlagStatus.NotYet && !FlagCheck.IsDefault(pair.Flag, pair.Text))
            .Select(pair => "--" + pair.Flag.Name)
            .Order(StringComparer.Ordinal).ToArray();
}
