using System.Buffers.Binary;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Errors;
using EtcdNet.Storage;
using Google.Protobuf;
using SortOrder = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortTarget;

namespace EtcdNet.Model.Naive;

/// <content>Ranges and hashes.</content>
public partial class NaiveStore
{
    /// <summary>The pairs of a range that exist at a revision, in byte order.</summary>
    public IEnumerable<KeyValue> Live(ByteString key, ByteString rangeEnd, long revision)
    {
        if (rangeEnd.IsEmpty)
        {
            if (_byKey.TryGetValue(key, out List<Change>? changes) && FindAt(changes, revision) is { } pair)
                yield return pair;
            yield break;
        }
        foreach ((ByteString candidate, List<Change> changes) in _byKey)
        {
            if (KeyOrder.Contains(key, rangeEnd, candidate) && FindAt(changes, revision) is { } pair)
                yield return pair;
        }
    }

    /// <summary>
    /// etcd's HashKV: CRC-32C over "key" and over revision and bytes of every row up to a revision, in order. Of the rows up to the compact revision
    /// only the newest of each key that exists at the hashed revision counts; when there is no such row at all, those that compaction leaves count.
    /// </summary>
    public uint Hash(long revision)
    {
        var rows = new List<Change>();
        var old = new List<Change>();
        bool anyLive = false;
        foreach (List<Change> changes in _byKey.Values)
        {
            Change? newest = changes.LastOrDefault(change => change.At.Main <= revision);
            anyLive |= newest?.Pair is not null;
            rows.AddRange(changes.Where(change => change.At.Main <= revision && change.At.Main > Compacted));
            if (changes.LastOrDefault(change => change.At.Main <= Compacted) is not { Pair: not null } kept)
                continue;
            (ReferenceEquals(kept, newest) ? rows : old).Add(kept);
        }
        if (!anyLive)
            rows.AddRange(old);
        uint hash = Crc32C.Update(~0u, "key"u8);
        foreach (Change row in rows.OrderBy(static row => row.At))
            hash = Append(hash, row);
        return ~hash;
    }

    /// <summary>Whether there is more than what was asked for.</summary>
    protected virtual bool HasMore(long limit, int found) => limit > 0 && found > limit;

    private static uint Append(uint hash, Change row)
    {
        Span<byte> key = stackalloc byte[18];
        BinaryPrimitives.WriteInt64BigEndian(key, row.At.Main);
        key[8] = (byte)'_';
        BinaryPrimitives.WriteInt64BigEndian(key[9..], row.At.Sub);
        key[17] = (byte)'t';
        hash = Crc32C.Update(hash, row.Pair is null ? key : key[..17]);
        return Crc32C.Update(hash, (row.Pair ?? new KeyValue { Key = row.Key }).ToByteArray());
    }

    private RangeResponse RangeNow(RangeRequest request)
    {
        if (request.Revision > Now)
            throw EtcdError.FutureRev.ToException();
        if (request.Revision > 0 && IsGone(request.Revision))
            throw EtcdError.Compacted.ToException();
        List<KeyValue> found = [.. Live(request.Key, request.RangeEnd, request.Revision > 0 ? request.Revision : Now)];
        var answer = new RangeResponse { Header = Header(), Count = found.Count };
        if (request.CountOnly)
            return answer;
        found.RemoveAll(pair => !Passes(request, pair));
        answer.More = HasMore(request.Limit, found.Count);
        IEnumerable<KeyValue> sorted = Sort(found, request.SortTarget, request.SortOrder == SortOrder.Descend);
        if (request.Limit > 0)
            sorted = sorted.Take((int)Math.Min(int.MaxValue, request.Limit));
        foreach (KeyValue pair in sorted)
            answer.Kvs.Add(request.KeysOnly ? new KeyValue(pair) { Value = ByteString.Empty } : pair);
        return answer;
    }

    private static bool Passes(RangeRequest request, KeyValue pair) =>
        (request.MinModRevision == 0 || pair.ModRevision >= request.MinModRevision)
        && (request.MaxModRevision == 0 || pair.ModRevision <= request.MaxModRevision)
        && (request.MinCreateRevision == 0 || pair.CreateRevision >= request.MinCreateRevision)
        && (request.MaxCreateRevision == 0 || pair.CreateRevision <= request.MaxCreateRevision);

    // Pairs that are equal in what they are sorted by stay in the order of their keys.
    private static IEnumerable<KeyValue> Sort(List<KeyValue> pairs, SortTarget target, bool descending)
    {
        if (target == SortTarget.Key)
            return descending ? pairs.AsEnumerable().Reverse() : pairs;
        Comparison<KeyValue> compare = target switch
        {
            SortTarget.Version => static (a, b) => a.Version.CompareTo(b.Version),
            SortTarget.Create => static (a, b) => a.CreateRevision.CompareTo(b.CreateRevision),
            SortTarget.Mod => static (a, b) => a.ModRevision.CompareTo(b.ModRevision),
            _ => static (a, b) => a.Value.Span.SequenceCompareTo(b.Value.Span),
        };
        var order = Comparer<KeyValue>.Create(compare);
        return descending ? pairs.OrderByDescending(static pair => pair, order) : pairs.OrderBy(static pair => pair, order);
    }
}
