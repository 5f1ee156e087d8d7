using System.Text.Json;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Leases;
using EtcdNet.StateMachine.Mvcc;
using EtcdNet.StateMachine.Txn;

namespace EtcdNet.StateMachine;

/// <summary>Which part serves which request, and what alarms and missing permissions forbid.</summary>
public sealed partial class StateMachine
{
    private ApplyResult Dispatch(ulong index, InternalRaftRequest request)
    {
        Caller caller = request.Header is { } header ? new Caller(header.Username, header.AuthRevision) : Caller.Nobody;
        if (RequestPermissions.NeedAdmin(request))
            Auth.View.CheckAdmin(caller);
        ThrowIfAlarmed(request);
        RequestPermissions.Check(Auth.View, caller, Leases, request);
        if (request.Put is not null)
            return ApplyResult.Of(Txns.Put(request.Put));
        if (request.Txn is not null)
            return ApplyResult.Of(Txns.Txn(request.Txn));
        if (request.DeleteRange is not null)
            return ApplyResult.Of(Txns.DeleteRange(request.DeleteRange));
        if (request.Range is not null)
            return ApplyResult.Of(Store.Ranges.Range(request.Range, Store.WorkingView()));
        if (request.Compaction is not null)
            return Compact(request.Compaction);
        return DispatchLease(request) ?? DispatchCluster(index, request) ?? DispatchAuth(index, caller, request)
            ?? throw new UnknownEntryException(index, "it contains no request that is known");
    }

    private ApplyResult? DispatchLease(InternalRaftRequest request)
    {
        if (request.LeaseGrant is { } grant)
        {
            Lease lease = Leases.Grant(grant.ID, grant.TTL);
            return ApplyResult.Of(new LeaseGrantResponse { Header = Header(), ID = lease.Id, TTL = lease.Ttl });
        }
        if (request.LeaseRevoke is { } revoke)
        {
            if (!Leases.Contains(revoke.ID))
                throw EtcdError.LeaseNotFound.ToException();
            Txns.DeleteKeys(Leases.KeysOf(revoke.ID));
            Leases.Remove(revoke.ID);
            return ApplyResult.Of(new LeaseRevokeResponse { Header = Header() });
        }
        if (request.LeaseCheckpoint is { } checkpoint)
        {
            foreach (LeaseCheckpoint lease in checkpoint.Checkpoints)
                Leases.Checkpoint(lease.ID, lease.RemainingTTL);
            return default(ApplyResult);
        }
        return null;
    }

    private ApplyResult? DispatchCluster(ulong index, InternalRaftRequest request)
    {
        if (request.Alarm is { } alarm)
            return ApplyResult.Of(ApplyAlarm(alarm));
        if (request.ClusterVersionSet is { } version)
            Members.SetClusterVersion(version.Ver);
        else if (request.ClusterMemberAttrSet is { } attributes)
            Members.SetAttributes(
                attributes.MemberID, attributes.MemberAttributes?.Name ?? "", attributes.MemberAttributes?.ClientUrls ?? []);
        else if (request.DowngradeInfoSet is { } downgrade)
            Members.SetDowngrade(downgrade.Enabled ? downgrade.Ver : null);
        else if (request.V2 is { } old)
            ApplyV2Request(index, old);
        else if (request.DowngradeVersionTest is null)
            return null;
        return default(ApplyResult);
    }

    private ResponseHeader Header() => new() { Revision = Store.WorkingRevision };

    private ApplyResult Compact(CompactionRequest request)
    {
        Store.ScheduleCompaction(request.Revision);
        return ApplyResult.Of(new CompactionResponse { Header = Header() });
    }

    private AlarmResponse ApplyAlarm(AlarmRequest request)
    {
        var response = new AlarmResponse { Header = Header() };
        switch (request.Action)
        {
            case AlarmRequest.Types.AlarmAction.Get:
                response.Alarms.AddRange(Alarms.Get(request.Alarm));
                break;
            case AlarmRequest.Types.AlarmAction.Activate when request.Alarm != AlarmType.None:
                Alarms.Activate(request.MemberID, request.Alarm);
                response.Alarms.Add(new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm });
                break;
            case AlarmRequest.Types.AlarmAction.Deactivate when Alarms.Deactivate(request.MemberID, request.Alarm):
                response.Alarms.Add(new AlarmMember { MemberID = request.MemberID, Alarm = request.Alarm });
                break;
        }
        return response;
    }

    /// <summary>CORRUPT stops what changes or depends on the data; NOSPACE only what takes more space.</summary>
    private void ThrowIfAlarmed(InternalRaftRequest request)
    {
        if (Alarms.HasCorrupt
            && (request.Put is not null || request.Txn is not null || request.DeleteRange is not null || request.Range is not null
                || request.Compaction is not null || request.LeaseGrant is not null || request.LeaseRevoke is not null))
            throw EtcdError.Corrupt.ToException();
        if (Alarms.HasNoSpace
            && (request.Put is not null || request.LeaseGrant is not null
                || (request.Txn is not null && RequestChecks.HasPut(request.Txn))))
            throw EtcdError.NoSpace.ToException();
    }

    /// <summary>Members before 3.6 write their attributes and the cluster version as requests of the old key-value API.</summary>
    private void ApplyV2Request(ulong index, Request request)
    {
        const string membersPrefix = "/0/members/";
        const string attributesSuffix = "/attributes";
        string path = request.Path;
        if (request.Method == "PUT" && path == "/0/version")
        {
            Members.SetClusterVersion(request.Val);
            return;
        }
        if (request.Method != "PUT" || !path.StartsWith(membersPrefix, StringComparison.Ordinal)
            || !path.EndsWith(attributesSuffix, StringComparison.Ordinal)
            || !ulong.TryParse(
                path.AsSpan(membersPrefix.Length, Math.Max(0, path.Length - membersPrefix.Length - attributesSuffix.Length)),
                System.Globalization.NumberStyles.AllowHexSpecifier, null, out ulong id))
            throw new UnknownEntryException(index, $"{request.Method} {path}");
        using JsonDocument json = JsonDocument.Parse(request.Val);
        Cluster.Member attributes = Cluster.MemberJson.Read(json.RootElement);
        Members.SetAttributes(id, attributes.Name, attributes.ClientUrls);
    }
}
