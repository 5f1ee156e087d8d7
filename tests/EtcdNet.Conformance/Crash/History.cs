using EtcdNet.Protocol.Mvccpb;

namespace EtcdNet.Conformance.Crash;

/// <summary>
/// What the store has to hold, from the answers alone: every version of every key since the last compaction, over all rounds of a run.
/// </summary>
internal sealed class History
{
    private readonly SortedDictionary<string, List<Version>> _keys = new(StringComparer.Ordinal);

    /// <summary>Last compaction; 0 for none.</summary>
    public long Compacted { get; private set; }

    /// <summary>Adds a write that has happened at a revision.</summary>
    public void Add(long revision, Write write)
    {
        if (write.IsDelete)
        {
            foreach (string key in write.Keys.Where(key => Newest(key) is not null))
                _keys[key].Add(new Version(revision, 0, 0, null));
        }
        foreach (string key in write.Puts)
        {
            Version? old = Newest(key);
            if (!_keys.TryGetValue(key, out List<Version>? versions))
                _keys.Add(key, versions = []);
            versions.Add(new Version(revision, old?.Created ?? revision, (old?.Number ?? 0) + 1, write));
        }
    }

    /// <summary>Forgets what nobody can ask for any more.</summary>
    public void Compact(long revision)
    {
        Compacted = revision;
        foreach ((string key, List<Version> versions) in _keys.ToList())
        {
            int newest = versions.FindLastIndex(version => version.Revision <= revision);
            versions.RemoveRange(0, Math.Max(0, newest));
            if (versions is [{ Write: null } gone] && gone.Revision <= revision)
                _keys.Remove(key);
        }
    }

    /// <summary>Compares all pairs at a revision with what the server says.</summary>
    public void AssertSame(long revision, IReadOnlyList<KeyValue> pairs)
    {
        List<KeyValuePair<string, Version>> expected = [.. At(revision)];
        string difference = $"pairs at revision {revision}: {expected.Count} expected, {pairs.Count} found";
        for (int i = 0; i < Math.Min(expected.Count, pairs.Count); i++)
        {
            (string key, Version version) = expected[i];
            KeyValue pair = pairs[i];
            Assert.True(
                (key, version.Revision, version.Created, version.Number, version.Write!.Lease)
                    == (pair.Key.ToStringUtf8(), pair.ModRevision, pair.CreateRevision, pair.Version, pair.Lease) && version.Write.Value == pair.Value,
                $"{difference}; {key} {version} was expected, not {Show(pair)}");
        }

        Assert.True(expected.Count == pairs.Count, difference);
    }

    private IEnumerable<KeyValuePair<string, Version>> At(long revision) =>
        from item in _keys
        let version = item.Value.LastOrDefault(version => version.Revision <= revision)
        where version?.Write is not null
        select KeyValuePair.Create(item.Key, version);

    private Version? Newest(string key) =>
        _keys.TryGetValue(key, out List<Version>? versions) && versions[^1].Write is not null ? versions[^1] : null;

    private static string Show(KeyValue pair) =>
        $"{pair.Key.ToStringUtf8()} of revision {pair.ModRevision}, created {pair.CreateRevision}, version {pair.Version}, lease {pair.Lease}, {pair.Value.Length} bytes";

    private sealed record Version(long Revision, long Created, long Number, Write? Write);
}
