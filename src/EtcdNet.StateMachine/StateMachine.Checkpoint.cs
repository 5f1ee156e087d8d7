using EtcdNet.Protocol.Etcdnetpb;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Membershippb;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Mvcc;
using Google.Protobuf;

namespace EtcdNet.StateMachine;

/// <summary>The state as a checkpoint holds it, and back.</summary>
public sealed partial class StateMachine
{
    /// <summary>Everything besides the records, between two entries. Applier's thread, outside of a batch.</summary>
    public StateImage Capture()
    {
        Invariant.Check(!_inBatch && Store.IsPublished);
        return new StateImage(
            _index, _term, Store.WorkingRevision, Math.Max(0, Store.WorkingCompactRevision), Compactor.FinishedRevision,
            Store.RecordCount, Store.RecordCrcSum, CaptureSmallState())
        {
            ReleasedBytes = Compactor.PassBytes,
        };
    }

    /// <summary>
    /// Fills a new state machine from a checkpoint. The records may come in any order, more than once, and with dead ones
    /// among them; those that live are counted and their checksums added up, and must give what the checkpoint says.
    /// </summary>
    /// <exception cref="StateDamagedException">They do not. The object must not be used any further.</exception>
    /// <exception cref="BackendDamagedException">A record is damaged.</exception>
    public void Restore(StateImage image, IRecordSource records)
    {
        Invariant.Check(_index == 0 && Store.WorkingRevision == 1 && Store.LiveKeys == 0);
        SmallState small = ParseSmallState(image.SmallState);
        if (Math.Max(0, small.CompactRevision) != image.CompactRevision)
            throw new StateDamagedException($"compact revision {image.CompactRevision} of the image, {small.CompactRevision} of the small state");
        foreach (Protocol.Leasepb.Lease lease in small.Leases)
            Leases.Restore(lease.ID, lease.TTL, lease.RemainingTTL);
        foreach (AlarmMember alarm in small.Alarms)
            Alarms.Activate(alarm.MemberID, alarm.Alarm);
        if (small.Auth is { } auth)
            Auth.Adopt(AuthCodec.Read(auth));
        Members.Restore(small.Members.Select(FromProto), small.RemovedMembers);
        Members.SetClusterVersion(small.ClusterVersion);
        Members.SetDowngrade(small.Downgrade is { Enabled: true } downgrade ? downgrade.TargetVersion : null);
        Store.Load(image, small.CompactRevision, records);
        Compactor.Reset(image.FinishedCompactRevision);
        _confState = small.ConfState.Memory;
        _index = image.AppliedIndex;
        _term = image.AppliedTerm;
        Volatile.Write(ref _publishedIndex, _index);
    }

    private byte[] CaptureSmallState()
    {
        var small = new SmallState
        {
            CompactRevision = Store.WorkingCompactRevision,
            ClusterVersion = Members.ClusterVersion,
            ConfState = ByteString.CopyFrom(_confState.Span),
            Auth = AuthCodec.Write(Auth.View),
        };
        small.Leases.AddRange(
            from lease in Leases.Snapshot()
            orderby lease.Id
            select new Protocol.Leasepb.Lease { ID = lease.Id, TTL = lease.Ttl, RemainingTTL = lease.RemainingTtl });
        small.Alarms.AddRange(Alarms.Get(AlarmType.None));
        small.Members.AddRange(Members.Members.Select(ToProto));
        small.RemovedMembers.AddRange(Members.Removed);
        if (Members.DowngradeTarget is { } target)
            small.Downgrade = new DowngradeInfo { Enabled = true, TargetVersion = target };
        return small.ToByteArray();
    }

    private static SmallState ParseSmallState(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            return SmallState.Parser.ParseFrom(bytes.Span);
        }
        catch (InvalidProtocolBufferException error)
        {
            throw new StateDamagedException($"small state: {error.Message}");
        }
    }

    private static Protocol.Membershippb.Member ToProto(Cluster.Member member)
    {
        var proto = new Protocol.Membershippb.Member
        {
            ID = member.Id,
            RaftAttributes = new RaftAttributes { IsLearner = member.IsLearner },
            MemberAttributes = new Attributes { Name = member.Name },
        };
        proto.RaftAttributes.PeerUrls.AddRange(member.PeerUrls);
        proto.MemberAttributes.ClientUrls.AddRange(member.ClientUrls);
        return proto;
    }

    private static Cluster.Member FromProto(Protocol.Membershippb.Member proto) => new()
    {
        Id = proto.ID,
        PeerUrls = [.. proto.RaftAttributes.PeerUrls],
        IsLearner = proto.RaftAttributes.IsLearner,
        Name = proto.MemberAttributes.Name,
        ClientUrls = [.. proto.MemberAttributes.ClientUrls],
    };
}
