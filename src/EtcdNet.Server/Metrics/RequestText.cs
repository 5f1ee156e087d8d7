using System.Globalization;
using System.Text;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Server.Metrics;

/// <summary>
/// Requests as etcd shows them in its log: what was asked, and of values only their size, since they may be secrets. Bounded, and
/// nothing in it can begin a line of its own.
/// </summary>
public static class RequestText
{
    private const int KeyBytesMax = 256;
    private const int PartsMax = 16;

    /// <summary>etcd's name of the kind, a label of its metrics.</summary>
    public static string Operation(InternalRaftRequest request) => request switch
    {
        { Put: not null } => "Put",
        { Txn: not null } => "Txn",
        { DeleteRange: not null } => "DeleteRange",
        { Range: not null } => "Range",
        { Compaction: not null } => "Compaction",
        { LeaseGrant: not null } => "LeaseGrant",
        { LeaseRevoke: not null } => "LeaseRevoke",
        { LeaseCheckpoint: not null } => "LeaseCheckpoint",
        { Alarm: not null } => "Alarm",
        { ClusterVersionSet: not null } => "ClusterVersionSet",
        { ClusterMemberAttrSet: not null } => "ClusterMemberAttrSet",
        { DowngradeInfoSet: not null } => "DowngradeInfoSet",
        _ => AuthOperation(request),
    };

    private static string AuthOperation(InternalRaftRequest request) => request switch
    {
        { Authenticate: not null } => "Authenticate",
        { AuthEnable: not null } => "AuthEnable",
        { AuthDisable: not null } => "AuthDisable",
        { AuthStatus: not null } => "AuthStatus",
        { AuthUserAdd: not null } => "AuthUserAdd",
        { AuthUserDelete: not null } => "AuthUserDelete",
        { AuthUserGet: not null } => "AuthUserGet",
        { AuthUserChangePassword: not null } => "AuthUserChangePassword",
        { AuthUserGrantRole: not null } => "AuthUserGrantRole",
        { AuthUserRevokeRole: not null } => "AuthUserRevokeRole",
        { AuthUserList: not null } => "AuthUserList",
        { AuthRoleAdd: not null } => "AuthRoleAdd",
        { AuthRoleGrantPermission: not null } => "AuthRoleGrantPermission",
        { AuthRoleGet: not null } => "AuthRoleGet",
        { AuthRoleRevokePermission: not null } => "AuthRoleRevokePermission",
        { AuthRoleDelete: not null } => "AuthRoleDelete",
        { AuthRoleList: not null } => "AuthRoleList",
        _ => "unknown",
    };

    /// <summary>A request of the log: <c>header:&lt;ID:1 &gt; put:&lt;key:"a" value_size:1 &gt;</c>.</summary>
    public static string Of(InternalRaftRequest request)
    {
        string body = request switch
        {
            { Put: { } put } => $"put:<{Of(put)} >",
            { DeleteRange: { } delete } => $"delete_range:<{Of(delete)} >",
            { Range: { } range } => $"range:<{Of(range)} >",
            { Txn: { } txn } => $"txn:<{Of(txn)}>",
            { Compaction: { } compaction } => $"compaction:<revision:{compaction.Revision} >",
            { LeaseGrant: { } grant } => $"lease_grant:<ttl:{grant.TTL}-second id:{grant.ID:x16}>",
            { LeaseRevoke: { } revoke } => $"lease_revoke:<id:{revoke.ID:x16}>",
            // Users and passwords are nobody's business.
            _ => $"{Operation(request)}:<size:{request.CalculateSize()} >",
        };
        return request.Header is { ID: not 0 } header ? $"header:<ID:{header.ID} > {body}" : body;
    }

    /// <summary>A read: <c>key:"a" range_end:"b" limit:1</c>.</summary>
    public static string Of(RangeRequest request)
    {
        var text = new StringBuilder($"key:{Quote(request.Key)}");
        if (!request.RangeEnd.IsEmpty)
            text.Append($" range_end:{Quote(request.RangeEnd)}");
        Append(text, "limit", request.Limit);
        Append(text, "revision", request.Revision);
        if (request.Serializable)
            text.Append(" serializable:true");
        if (request.KeysOnly)
            text.Append(" keys_only:true");
        if (request.CountOnly)
            text.Append(" count_only:true");
        return text.ToString();
    }

    /// <summary>A write of one key.</summary>
    public static string Of(PutRequest request)
    {
        var text = new StringBuilder($"key:{Quote(request.Key)} value_size:{request.Value.Length}");
        Append(text, "lease", request.Lease);
        return text.ToString();
    }

    /// <summary>A deletion.</summary>
    public static string Of(DeleteRangeRequest request) =>
        request.RangeEnd.IsEmpty ? $"key:{Quote(request.Key)}" : $"key:{Quote(request.Key)} range_end:{Quote(request.RangeEnd)}";

    /// <summary>A transaction; the operations inside of it up to a number.</summary>
    public static string Of(TxnRequest request)
    {
        var text = new StringBuilder("compare:<");
        text.AppendJoin(' ', request.Compare.Take(PartsMax).Select(Of));
        text.Append("> success:<");
        text.AppendJoin(' ', request.Success.Take(PartsMax).Select(Of));
        text.Append("> failure:<");
        text.AppendJoin(' ', request.Failure.Take(PartsMax).Select(Of));
        text.Append('>');
        int more = Math.Max(0, request.Compare.Count - PartsMax) + Math.Max(0, request.Success.Count - PartsMax) + Math.Max(0, request.Failure.Count - PartsMax);
        return (more > 0 ? text.Append($" and {more} more") : text).ToString();
    }

    private static string Of(Compare compare)
    {
        var text = new StringBuilder();
        if (compare.Result != Compare.Types.CompareResult.Equal)
            text.Append($"result:{compare.Result.ToString().ToUpperInvariant()} ");
        if (compare.Target != Compare.Types.CompareTarget.Version)
            text.Append($"target:{compare.Target.ToString().ToUpperInvariant()} ");
        text.Append($"key:{Quote(compare.Key)}");
        text.Append(compare.TargetUnionCase switch
        {
            Compare.TargetUnionOneofCase.Version => $" version:{compare.Version}",
            Compare.TargetUnionOneofCase.CreateRevision => $" create_revision:{compare.CreateRevision}",
            Compare.TargetUnionOneofCase.ModRevision => $" mod_revision:{compare.ModRevision}",
            Compare.TargetUnionOneofCase.Lease => $" lease:{compare.Lease}",
            Compare.TargetUnionOneofCase.Value => $" value_size:{compare.Value.Length}",
            _ => "",
        });
        return text.Append(' ').ToString();
    }

    private static string Of(RequestOp operation) => operation switch
    {
        { RequestPut: { } put } => $"request_put:<{Of(put)} >",
        { RequestRange: { } range } => $"request_range:<{Of(range)} >",
        { RequestDeleteRange: { } delete } => $"request_delete_range:<{Of(delete)} >",
        { RequestTxn: { } txn } => $"request_txn:<size:{txn.CalculateSize()} >",
        _ => "",
    };

    private static void Append(StringBuilder text, string name, long value)
    {
        if (value != 0)
            text.Append(CultureInfo.InvariantCulture, $" {name}:{value}");
    }

    /// <summary>A key: readable characters as they are, other bytes in octal; cut when it is long.</summary>
    public static string Key(ByteString key) => Quote(key)[1..^1];

    private static string Quote(ByteString bytes)
    {
        var text = new StringBuilder("\"");
        ReadOnlySpan<byte> span = bytes.Span;
        foreach (byte value in span[..Math.Min(span.Length, KeyBytesMax)])
        {
            if (value is (byte)'"' or (byte)'\\')
                text.Append('\\').Append((char)value);
            else if (value is >= (byte)' ' and <= (byte)'~')
                text.Append((char)value);
            else
                text.Append(CultureInfo.InvariantCulture, $"\\{Convert.ToString(value, 8).PadLeft(3, '0')}");
        }
        if (span.Length > KeyBytesMax)
            text.Append("...");
        return text.Append('"').ToString();
    }
}
