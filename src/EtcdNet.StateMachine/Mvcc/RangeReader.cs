using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Mvcc.Index;
using Google.Protobuf;
using Google.Protobuf.Collections;
using SortOrder = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortOrder;
using SortTarget = EtcdNet.Protocol.Etcdserverpb.RangeRequest.Types.SortTarget;

namespace EtcdNet.StateMachine.Mvcc;

/// <summary>
/// Answers a RangeRequest on a view. Counting, filtering and sorting work on the index; a record is only read when its
/// value (or lease) is part of the answer or of the order.
/// </summary>
internal sealed class RangeReader(RecordReader records)
{
    /// <summary>A key that exists at the read revision.</summary>
    internal readonly record struct Found(KeyHistory Item, KeyVersion Version);

    /// <summary>Answers a request. The caller checks afterwards that compaction has not overtaken the view.</summary>
    public RangeResponse Range(RangeRequest request, ReadView view)
    {
        long revision = view.Resolve(request.Revision);
        var response = new RangeResponse { Header = new ResponseHeader { Revision = view.CurrentRevision } };
        KeyRange range = KeyRange.Of(request.Key.Memory, request.RangeEnd.Memory);
        if (request.CountOnly)
        {
            response.Count = IndexReader.Count(view.Root, range, revision);
            return response;
        }
        if (range.IsSingle && !HasFilter(request))
        {
            if (TryFind(view, range.Start.Span, revision, out Found one))
            {
                response.Count = 1;
                response.Kvs.Add(Read(one, withValue: !request.KeysOnly));
            }
            return response;
        }
        bool everything = HasFilter(request) || HasOwnOrder(request);
        List<Found> found = Collect(view.Root, range, revision, everything || request.Limit <= 0 ? long.MaxValue : request.Limit);
        response.Count = found.Count;
        if (!everything && request.Limit > 0 && found.Count == request.Limit)
            response.Count = IndexReader.Count(view.Root, range, revision);
        long left = response.Count;
        if (HasFilter(request))
            left -= found.RemoveAll(entry => !Passes(request, entry.Version));
        response.More = request.Limit > 0 && left > request.Limit;
        Fill(request, found, response.Kvs);
        return response;
    }

    /// <summary>The newest version of a key at a revision, when the key exists then.</summary>
    public static bool TryFind(ReadView view, ReadOnlySpan<byte> key, long revision, out Found found)
    {
        KeyHistory? item = IndexReader.Find(view.Root, key);
        if (item is not null && item.TryGet(revision, out KeyVersion version) && !version.IsTombstone)
        {
            found = new Found(item, version);
            return true;
        }
        found = default;
        return false;
    }

    /// <summary>The keys of a range that exist at a revision, in byte order, at most so many.</summary>
    public static List<Found> Collect(IndexNode root, in KeyRange range, long revision, long most = long.MaxValue)
    {
        var found = new List<Found>();
        Collect(root, range, revision, most, found);
        return found;
    }

    /// <summary>The same, into an empty list of the caller's.</summary>
    public static void Collect(IndexNode root, in KeyRange range, long revision, long most, List<Found> found)
    {
        var collector = new Collector(revision, most, found);
        IndexReader.Visit(root, range, ref collector);
    }

    /// <summary>The pairs of the answer are the first ones of the range, in the order of their keys.</summary>
    public static bool IsInKeyOrder(RangeRequest request) => !HasFilter(request) && !HasOwnOrder(request);

    /// <summary>What passes the filters of a request, in its order, which must not be that of the values.</summary>
    public static List<Found> Order(RangeRequest request, IndexNode root, in KeyRange range, long revision)
    {
        Invariant.Check(request.SortTarget != SortTarget.Value);
        List<Found> found = Collect(root, range, revision);
        if (HasFilter(request))
            found.RemoveAll(entry => !Passes(request, entry.Version));
        return HasOwnOrder(request) ? [.. Sort(found, request.SortTarget, request.SortOrder == SortOrder.Descend)] : found;
    }

    /// <summary>The pair of a key found.</summary>
    public KeyValue Read(in Found found, bool withValue = true) => records.Read(found.Item, found.Version, withValue);

    private void Fill(RangeRequest request, List<Found> found, RepeatedField<KeyValue> pairs)
    {
        int take = (int)Math.Min(found.Count, request.Limit > 0 ? request.Limit : long.MaxValue);
        bool descending = request.SortOrder == SortOrder.Descend;
        if (request.SortTarget == SortTarget.Value)
        {
            List<KeyValue> all = found.ConvertAll(entry => Read(entry));
            foreach (KeyValue pair in SortByValue(all, descending).Take(take))
            {
                if (request.KeysOnly)
                    pair.Value = ByteString.Empty;
                pairs.Add(pair);
            }
            return;
        }
        IEnumerable<Found> ordered = HasOwnOrder(request) ? Sort(found, request.SortTarget, descending) : found;
        pairs.Capacity = take;
        foreach (Found entry in ordered)
        {
            if (pairs.Count == take)
                break;
            pairs.Add(Read(entry, withValue: !request.KeysOnly));
        }
    }

    private static IEnumerable<Found> Sort(List<Found> found, SortTarget target, bool descending)
    {
        if (target == SortTarget.Key)
        {
            if (descending)
                found.Reverse();
            return found;
        }
        Func<Found, long> by = target switch
        {
            SortTarget.Version => static entry => entry.Version.Version,
            SortTarget.Create => static entry => entry.Version.Create,
            _ => static entry => entry.Version.Main,
        };
        // Stable, so equal targets stay in key order.
        return descending ? found.OrderByDescending(by) : found.OrderBy(by);
    }

    private static IEnumerable<KeyValue> SortByValue(List<KeyValue> pairs, bool descending)
    {
        Comparer<KeyValue> byValue = Comparer<KeyValue>.Create(
            static (left, right) => left.Value.Span.SequenceCompareTo(right.Value.Span));
        return descending ? pairs.OrderByDescending(static pair => pair, byValue) : pairs.OrderBy(static pair => pair, byValue);
    }

    private static bool HasOwnOrder(RangeRequest request) =>
        request.SortTarget != SortTarget.Key || request.SortOrder == SortOrder.Descend;

    private static bool HasFilter(RangeRequest request) =>
        request.MinModRevision != 0 || request.MaxModRevision != 0
        || request.MinCreateRevision != 0 || request.MaxCreateRevision != 0;

    private static bool Passes(RangeRequest request, in KeyVersion version) =>
        (request.MinModRevision == 0 || version.Main >= request.MinModRevision)
        && (request.MaxModRevision == 0 || version.Main <= request.MaxModRevision)
        && (request.MinCreateRevision == 0 || version.Create >= request.MinCreateRevision)
        && (request.MaxCreateRevision == 0 || version.Create <= request.MaxCreateRevision);

    private readonly struct Collector(long revision, long most, List<Found> found) : IKeyVisitor
    {
        public bool Visit(KeyHistory item)
        {
            if (item.TryGet(revision, out KeyVersion version) && !version.IsTombstone)
                found.Add(new Found(item, version));
            return found.Count < most;
        }
    }
}
