using System.Globalization;
using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Leasepb;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Cluster;
using Google.Protobuf;

namespace EtcdNet.Storage.Bolt;

/// <summary>
/// A member's state as the database of an etcd 3.6 member (its file <c>member/snap/db</c>), which etcd's tools and servers from 3.5
/// on open. Names and forms of the values are etcd's; the keys are read from the pinned state while the file is made.
/// </summary>
public static class EtcdDatabase
{
    /// <summary>Schema that the files follow (<c>storageVersion</c>); the fields that 3.5 does not know are passed over by it.</summary>
    public const string StorageVersion = "3.6.0";

    /// <summary>The database of a state, which has to stay pinned for as long as the file is read.</summary>
    public static BoltFile Of(PinnedState state) => new(
    [
        new BoltBucket("alarm", Sorted(state.Alarms.Select(static alarm => (alarm.ToByteArray(), Array.Empty<byte>())))),
        new BoltBucket("auth", Auth(state.Auth)),
        new BoltBucket("authRoles", Named(state.Auth.Roles.Select(AuthCodec.Write).Select(static role => (role.Name, (IMessage)role)))),
        new BoltBucket("authUsers", Named(state.Auth.Users.Select(AuthCodec.Write).Select(static user => (user.Name, (IMessage)user)))),
        new BoltBucket("cluster", Cluster(state)),
        new BoltBucket("key", KeyRows.Of(state.History)),
        new BoltBucket("lease", Leases(state.Leases)),
        new BoltBucket("members", Sorted(state.Members.Select(static member => (IdName(member.Id), EtcdJson.Member(member))))),
        new BoltBucket("members_removed", Sorted(state.Removed.Select(static id => (IdName(id), "removed"u8.ToArray())))),
        new BoltBucket("meta", Meta(state)),
    ]);

    /// <summary>Whether requests need a user, and the revision of users and roles.</summary>
    private static BoltPair[] Auth(AuthView auth) =>
        Sorted([(Name("authEnabled"), [auth.Enabled ? (byte)1 : (byte)0]), (Name("authRevision"), KeyRows.BigEndian(auth.Revision))]);

    /// <summary>Users (authpb.User) or roles (authpb.Role) by their names.</summary>
    private static BoltPair[] Named(IEnumerable<(ByteString Name, IMessage Value)> items) =>
        Sorted(items.Select(static item => (item.Name.ToArray(), item.Value.ToByteArray())));

    private static BoltPair[] Cluster(PinnedState state)
    {
        var rows = new List<(byte[], byte[])>();
        if (state.ClusterVersion.Length > 0)
            rows.Add((Name("clusterVersion"), Name(state.ClusterVersion)));
        if (state.DowngradeTarget is { } target)
            rows.Add((Name("downgrade"), EtcdJson.Downgrade(target)));
        return Sorted(rows);
    }

    private static BoltPair[] Meta(PinnedState state)
    {
        var rows = new List<(byte[], byte[])>
        {
            (Name("consistent_index"), KeyRows.BigEndian(state.AppliedIndex)),
            (Name("term"), KeyRows.BigEndian(state.AppliedTerm)),
            (Name("storageVersion"), Name(StorageVersion)),
        };
        if (!state.ConfState.IsEmpty)
            rows.Add((Name("confState"), EtcdJson.ConfState(Protocol.Raftpb.ConfState.Parser.ParseFrom(state.ConfState.Span))));
        if (state.History.CompactRevision >= 0)
        {
            // The rows are those of a compaction that is over, whatever this member's compactor has still to do.
            byte[] compacted = KeyRows.Name(new(state.History.CompactRevision, 0), isTombstone: false);
            rows.Add((Name("scheduledCompactRev"), compacted));
            rows.Add((Name("finishedCompactRev"), compacted));
        }
        return Sorted(rows);
    }

    private static IEnumerable<BoltPair> Leases(IReadOnlyList<Lease> leases)
    {
        // Ids are signed numbers to clients and unsigned ones to etcd's order.
        Lease[] ordered = [.. leases.OrderBy(static lease => (ulong)lease.ID)];
        foreach (Lease lease in ordered)
            yield return new BoltPair(KeyRows.BigEndian((ulong)lease.ID), lease.ToByteArray());
    }

    private static BoltPair[] Sorted(IEnumerable<(byte[] Key, byte[] Value)> rows)
    {
        BoltPair[] pairs = [.. rows.Select(static row => new BoltPair(row.Key, row.Value))];
        Array.Sort(pairs, static (left, right) => left.Key.Span.SequenceCompareTo(right.Key.Span));
        return pairs;
    }

    private static byte[] Name(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] IdName(ulong id) => Name(id.ToString("x", CultureInfo.InvariantCulture));
}
