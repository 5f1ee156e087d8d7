using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.Storage.Tests.Durability;

/// <summary>What the store has to hold, in the most stupid form: every version of every key there ever was.</summary>
internal sealed class VersionList
{
    private readonly SortedDictionary<string, List<Version>> _keys = new(StringComparer.Ordinal);
    private readonly HashSet<long> _leases = [];
    private int _sub;

    internal long Revision { get; private set; } = 1;

    internal long Compacted { get; private set; }

    internal IReadOnlyCollection<long> Leases => _leases;

    /// <summary>Applies what the state machine is given; requests that it refuses are not made.</summary>
    internal void Apply(InternalRaftRequest request)
    {
        if (request.Put is { } put)
            Put(put);
        else if (request.DeleteRange is { } delete)
            Delete(delete);
        else if (request.Txn is { } txn)
            Apply(txn);
        else if (request.LeaseGrant is { } grant)
            _leases.Add(grant.ID);
        else if (request.LeaseRevoke is { } revoke)
            Revoke(revoke.ID);
        else if (request.Compaction is { } compaction)
            Compacted = compaction.Revision;
        Revision += _sub > 0 ? 1 : 0;
        _sub = 0;
    }

    /// <summary>Every pair at a revision, each as a line.</summary>
    internal IEnumerable<string> Dump(long revision) =>
        from item in _keys
        let version = item.Value.LastOrDefault(version => version.At.Main <= revision)
        where version is { Number: > 0 }
        select Line(item.Key, version.At.Main, version.Create, version.Number, version.Lease, version.Value.Span);

    /// <summary>A line of <see cref="Dump"/> for an answer of the state machine.</summary>
    internal static string Line(KeyValue pair) =>
        Line(pair.Key.ToStringUtf8(), pair.ModRevision, pair.CreateRevision, pair.Version, pair.Lease, pair.Value.Span);

    /// <summary>Every change behind the compaction, in order.</summary>
    internal IEnumerable<string> History() =>
        from change in _keys.SelectMany(item => item.Value.Select(version => (Key: item.Key, Version: version)))
        where change.Version.At.Main > Compacted
        orderby change.Version.At
        select Change(change.Version.At, change.Key, change.Version.Number, change.Version.Value.Span);

    /// <summary>A line of <see cref="History"/>.</summary>
    internal static string Change(Revision at, string key, long version, ReadOnlySpan<byte> value) =>
        $"{at} {key} {version} {Crc32C.Compute(value):x8}";

    private static string Line(string key, long mod, long create, long version, long lease, ReadOnlySpan<byte> value) =>
        $"{key} mod {mod} create {create} version {version} lease {lease} {value.Length} bytes {Crc32C.Compute(value):x8}";

    private void Apply(TxnRequest txn)
    {
        bool holds = txn.Compare.All(compare => (Find(compare.Key.ToStringUtf8())?.Number ?? 0) == compare.Version);
        foreach (RequestOp op in holds ? txn.Success : txn.Failure)
        {
            if (op.RequestPut is { } put)
                Put(put);
            else
                Delete(op.RequestDeleteRange);
        }
    }

    private void Put(PutRequest put)
    {
        string key = put.Key.ToStringUtf8();
        Version? old = Find(key);
        Add(key, new Version(NextRevision(), old?.Create ?? Revision + 1, (old?.Number ?? 0) + 1, put.Lease, put.Value.Memory));
    }

    private void Delete(DeleteRangeRequest delete)
    {
        string from = delete.Key.ToStringUtf8();
        string to = delete.RangeEnd.IsEmpty ? from + "\0" : delete.RangeEnd.ToStringUtf8();
        foreach (string key in _keys.Keys.Where(key => string.CompareOrdinal(key, from) >= 0 && string.CompareOrdinal(key, to) < 0).ToList())
        {
            if (Find(key) is not null)
                Add(key, new Version(NextRevision(), 0, 0, 0, default));
        }
    }

    private void Revoke(long lease)
    {
        foreach (string key in _keys.Keys.Where(key => Find(key)?.Lease == lease).ToList())
            Add(key, new Version(NextRevision(), 0, 0, 0, default));
        _leases.Remove(lease);
    }

    private Revision NextRevision() => new(Revision + 1, _sub++);

    private Version? Find(string key) =>
        _keys.TryGetValue(key, out List<Version>? versions) && versions[^1].Number > 0 ? versions[^1] : null;

    private void Add(string key, Version version)
    {
        if (!_keys.TryGetValue(key, out List<Version>? versions))
            _keys.Add(key, versions = []);
        versions.Add(version);
    }

    private sealed record Version(Revision At, long Create, long Number, long Lease, ReadOnlyMemory<byte> Value);
}
