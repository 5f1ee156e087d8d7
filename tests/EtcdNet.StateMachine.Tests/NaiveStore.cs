using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc;

namespace EtcdNet.StateMachine.Tests;

/// <summary>The rules of the store in the most stupid form: a list of all versions there ever were.</summary>
internal sealed class NaiveStore
{
    /// <summary>Every change, in order. A tombstone has version 0.</summary>
    public List<(Revision Revision, KeyValue Pair)> All { get; } = [];

    public long Current { get; private set; } = 1;

    public long Compacted { get; set; } = -1;

    public HashSet<long> Leases { get; } = [];

    private int _sub;

    public KeyValue? Get(string key, long revision)
    {
        KeyValue? newest = null;
        foreach ((Revision at, KeyValue pair) in All)
        {
            if (at.Main <= revision && pair.Key.ToStringUtf8() == key)
                newest = pair;
        }
        return newest is { Version: > 0 } ? newest : null;
    }

    public List<KeyValue> Range(string key, string end, long revision)
    {
        var newest = new SortedDictionary<string, KeyValue>(StringComparer.Ordinal);
        foreach ((Revision at, KeyValue pair) in All)
        {
            string name = pair.Key.ToStringUtf8();
            if (at.Main <= revision && Contains(key, end, name))
                newest[name] = pair;
        }
        return [.. newest.Values.Where(pair => pair.Version > 0)];
    }

    public static bool Contains(string key, string end, string name) =>
        end.Length == 0 ? name == key
        : string.CompareOrdinal(name, key) >= 0 && (end == "\0" || string.CompareOrdinal(name, end) < 0);

    public void Put(string key, string value, long lease)
    {
        KeyValue? old = Get(key, Current + 1);
        All.Add((new Revision(Current + 1, _sub++), new KeyValue
        {
            Key = Machine.Bytes(key), Value = Machine.Bytes(value), Lease = lease, ModRevision = Current + 1,
            CreateRevision = old?.CreateRevision ?? Current + 1, Version = (old?.Version ?? 0) + 1,
        }));
    }

    public int Delete(string key, string end)
    {
        List<KeyValue> found = Range(key, end, Current + 1);
        foreach (KeyValue pair in found)
            All.Add((new Revision(Current + 1, _sub++), new KeyValue { Key = pair.Key, ModRevision = Current + 1 }));
        return found.Count;
    }

    public void Revoke(long lease)
    {
        Leases.Remove(lease);
        foreach (KeyValue pair in Range("\0", "\0", Current).Where(pair => pair.Lease == lease))
            Delete(pair.Key.ToStringUtf8(), "");
        End();
    }

    public void End()
    {
        if (_sub > 0)
            Current++;
        _sub = 0;
    }

    /// <summary>"rev type key=value" of the changes of a range in a window.</summary>
    public IEnumerable<string> Events(string key, string end, long first, long last) =>
        from change in All
        where change.Revision.Main >= first && change.Revision.Main <= last && Contains(key, end, change.Pair.Key.ToStringUtf8())
        select $"{change.Revision} {change.Pair.Version > 0} {change.Pair.Key.ToStringUtf8()}={change.Pair.Value.ToStringUtf8()}";
}
