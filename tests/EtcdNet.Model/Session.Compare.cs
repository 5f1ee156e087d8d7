using EtcdNet.Model.Naive;
using EtcdNet.Model.Replicas;
using EtcdNet.Model.Script;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.Model;

/// <content>Comparing everything there is.</content>
public sealed partial class Session
{
    private static readonly ByteString _zero = ByteString.CopyFrom(0);

    private void Compare(long revision)
    {
        revision = Math.Clamp(revision, Math.Max(1, _naive.Compacted), _naive.Current);
        foreach (IReplica replica in _replicas)
        {
            MismatchException.Unless(
                replica.Machine.Store.CurrentRevision == _naive.Current,
                () => $"{replica.Name}: revision {_naive.Current} was expected, not {replica.Machine.Store.CurrentRevision}");
            ComparePairs(replica, revision);
            CompareHistory(replica, Math.Max(revision, _naive.Compacted + 1));
            CompareLeases(replica);
            uint hash = replica.Machine.HashKv(revision).Hash;
            MismatchException.Unless(hash == _naive.Hash(revision), () => $"{replica.Name}: hash of revision {revision}: expected {_naive.Hash(revision):x8}, not {hash:x8}");
        }
        uint[] hashes = [.. _replicas.Select(static replica => replica.Machine.Hash())];
        MismatchException.Unless(hashes.All(hash => hash == hashes[0]), () => $"the replicas have different states: {string.Join(", ", hashes)}");
        if (_replicas.Any(static replica => replica.Machine.Compactor.HasWork))
            return;
        long[] sizes = [.. _replicas.Select(static replica => replica.Backend.SizeInUseInBytes)];
        MismatchException.Unless(sizes.All(size => size == sizes[0]), () => $"the backends have different bytes in use: {string.Join(", ", sizes)}");
    }

    private void ComparePairs(IReplica replica, long revision)
    {
        var all = new RangeRequest { Key = _zero, RangeEnd = _zero, Revision = revision };
        List<KeyValue> expected = [.. _naive.Live(_zero, _zero, revision)];
        MismatchException.Unless(
            replica.Machine.Store.Range(all).Kvs.SequenceEqual(expected),
            () => $"{replica.Name}: pairs at revision {revision}\n  expected: {Show(expected)}\n  answered: {Show(replica.Machine.Store.Range(all).Kvs)}");
    }

    private void CompareHistory(IReplica replica, long from)
    {
        if (from > _naive.Current)
            return;
        using IHistoryCursor cursor = replica.Machine.Store.Open(_zero.Memory, _zero.Memory, from, _naive.Current);
        var events = new List<StoreEvent>();
        while (cursor.ReadNext(events, 100) < _naive.Current)
        {
        }
        List<Change> expected = [.. _naive.Changes(_zero, _zero, from, _naive.Current)];
        MismatchException.Unless(events.Count == expected.Count, () => $"{replica.Name}: {expected.Count} changes since revision {from} were expected, not {events.Count}");
        for (int i = 0; i < events.Count; i++)
        {
            (Change change, StoreEvent seen) = (expected[i], events[i]);
            KeyValue pair = change.Pair ?? new KeyValue { Key = change.Key, ModRevision = change.At.Main };
            bool same = seen.Revision == change.At && seen.KeyValue.Equals(pair) && (seen.Type == Event.Types.EventType.Delete) == change.Pair is null;
            MismatchException.Unless(same, () => $"{replica.Name}: change {change.At}: expected {Text.Of(pair)}, not {seen.Type} {seen.Revision} {Text.Of(seen.KeyValue)}");
        }
    }

    private void CompareLeases(IReplica replica)
    {
        IEnumerable<string> expected = _naive.Leases.Select(lease => Show(lease.Key, lease.Value.Ttl, lease.Value.RemainingTtl, _naive.KeysOf(lease.Key)));
        LeaseStore leases = replica.Machine.Leases;
        IEnumerable<string> found =
            from lease in leases.Snapshot()
            orderby lease.Id
            select Show(lease.Id, lease.Ttl, lease.RemainingTtl, leases.KeysOf(lease.Id).Select(static key => ByteString.CopyFrom(key.Span)));
        (string wanted, string seen) = (string.Join("; ", expected), string.Join("; ", found));
        MismatchException.Unless(wanted == seen, () => $"{replica.Name}: leases\n  expected: {wanted}\n  answered: {seen}");
    }

    private static string Show(long id, long ttl, long remaining, IEnumerable<ByteString> keys) =>
        $"{id} ttl {ttl} left {remaining}: {string.Join(' ', keys.Select(static key => key.ToBase64()))}";

    private static string Show(IEnumerable<KeyValue> pairs) => string.Join(", ", pairs.Select(Text.Of));
}
