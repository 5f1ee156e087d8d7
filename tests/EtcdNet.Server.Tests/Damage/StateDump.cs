using System.Globalization;
using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Raft;
using EtcdNet.Raft.Membership;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Mvcc;
using Crc32C = EtcdNet.Storage.Crc32C;
using EtcdNet.Storage;
using EtcdNet.Storage.Disk;
using Google.Protobuf;
using Serilog.Core;

namespace EtcdNet.Server.Tests.Damage;

/// <summary>Everything a client could ever read from a member, as text, so that two members can be compared.</summary>
internal static class StateDump
{
    /// <summary>Recovers a member as its start does, applies what its log holds, and writes down the result.</summary>
    /// <param name="options">Of the member.</param>
    /// <param name="disk">With its data directory.</param>
    /// <param name="upTo">Entries behind this one are not applied.</param>
    /// <returns>The last entry in the log, and the state.</returns>
    public static (ulong LastIndex, string State) OfRecovered(MemberOptions options, IDisk disk, ulong upTo = ulong.MaxValue)
    {
        using MemberStorage storage = MemberStorage.Open(options, disk, TimeProvider.System, Logger.None, null);
        ApplyAll(storage, upTo);
        return (storage.Entries.LastIndex, Of(storage.Machine));
    }

    /// <summary>Applies what the log holds behind the checkpoint, up to an entry.</summary>
    public static void ApplyAll(MemberStorage storage, ulong upTo)
    {
        ulong first = Math.Max(storage.Entries.FirstIndex, storage.Machine.ConsistentIndex + 1);
        foreach (Entry entry in storage.Entries.Entries(first, Math.Min(upTo, storage.Entries.LastIndex) + 1, ulong.MaxValue))
            Apply(storage.Machine, entry);
    }

    /// <summary>Writes down a state.</summary>
    public static string Of(StateMachine.StateMachine machine)
    {
        MvccStore store = machine.Store;
        var text = new StringBuilder();
        Line(text, $"revision {store.CurrentRevision} compacted {store.CompactRevision} keys {store.LiveKeys} hash {machine.HashKv(0).Hash} all {machine.Hash()}");
        long oldest = Math.Max(1, store.CompactRevision);
        foreach (long revision in new[] { oldest, (oldest + store.CurrentRevision) / 2, store.CurrentRevision })
            AddKeys(text, store, revision);
        AddHistory(text, store);
        foreach (Lease lease in machine.Leases.Snapshot().OrderBy(lease => lease.Id))
        {
            IEnumerable<string> keys = machine.Leases.KeysOf(lease.Id).Select(key => Encoding.UTF8.GetString(key.Span)).Order(StringComparer.Ordinal);
            Line(text, $"lease {lease.Id} ttl {lease.Ttl} keys {string.Join(',', keys)}");
        }

        return text.ToString();
    }

    private static void AddKeys(StringBuilder text, MvccStore store, long revision)
    {
        ByteString all = ByteString.CopyFrom(0);
        // A member that ran at the time keeps another hash of the compaction itself, as etcd does: that of before it.
        Line(text, $"at {revision}, hash {(revision == store.CompactRevision ? 0 : store.Hash(revision).Hash)}");
        foreach (KeyValue kv in store.Range(new RangeRequest { Key = all, RangeEnd = all, Revision = revision }).Kvs)
            AddKey(text, kv);
    }

    private static void AddHistory(StringBuilder text, MvccStore store)
    {
        long to = store.CurrentRevision;
        long from = store.CompactRevision + 1;
        if (from > to)
            return;
        var events = new List<StoreEvent>();
        using IHistoryCursor cursor = store.Open(new byte[1], new byte[1], from, to);
        while (cursor.ReadNext(events, 1000) < to)
        {
        }

        foreach (StoreEvent change in events)
        {
            text.Append(CultureInfo.InvariantCulture, $"{change.Revision} ");
            AddKey(text, change.KeyValue);
        }
    }

    private static void AddKey(StringBuilder text, KeyValue kv) => Line(
        text,
        $"{kv.Key.ToStringUtf8()} {kv.CreateRevision} {kv.ModRevision} {kv.Version} {kv.Lease} {kv.Value.Length} {Crc32C.Compute(kv.Value.Span):x8}");

    private static void Line(StringBuilder text, FormattableString line) =>
        text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');

    private static void Apply(StateMachine.StateMachine machine, in Entry entry)
    {
        if (entry.Type == EntryType.ConfChange)
        {
            var change = Protocol.Raftpb.ConfChange.Parser.ParseFrom(entry.Data.Span);
            ConfState after = ConfStateChange.After(ConfStateCodec.Decode(machine.ConfState), ConfChangeCodec.Decode(entry.Data).AsV2());
            machine.ApplyConfChange(entry.Index, entry.Term, change, ConfStateCodec.Encode(after));
        }
        else if (entry.Data.IsEmpty)
        {
            machine.ApplyEmpty(entry.Index, entry.Term);
        }
        else
        {
            machine.Apply(entry.Index, entry.Term, InternalRaftRequest.Parser.ParseFrom(entry.Data.Span));
        }
    }
}
