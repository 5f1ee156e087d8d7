using System.Text.Json.Nodes;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>A client that speaks JSON: the status and every token of the answers are compared.</summary>
internal sealed class GatewaySession(World world, int client) : Session(world, client)
{
    private static readonly Dictionary<string, string> _paths = new()
    {
        ["Range"] = "/v3/kv/range", ["Put"] = "/v3/kv/put", ["DeleteRange"] = "/v3/kv/deleterange", ["Txn"] = "/v3/kv/txn",
        ["LeaseGrant"] = "/v3/lease/grant", ["LeaseRevoke"] = "/v3/lease/revoke", ["LeaseTimeToLive"] = "/v3/lease/timetolive",
        ["MemberPromote"] = "/v3/cluster/member/promote", ["Alarm"] = "/v3/maintenance/alarm", ["MoveLeader"] = "/v3/maintenance/transfer-leadership",
        ["Leader"] = "/v3/election/leader", ["Unlock"] = "/v3/lock/unlock",
    };

    private static readonly string[] _ownIds = ["cluster_id", "member_id", "raft_term"];
    private static readonly Dictionary<string, string> _noHeaders = [];
    private readonly RequestGenerator _generator = new(world.Random, world.Store);

    /// <inheritdoc/>
    public override Task StepAsync()
    {
        switch (Random.Next(12))
        {
            case 0:
                return PostAsync("LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = 5_000_000 });
            case 1:
                return PostAsync("MemberPromote", new MemberPromoteRequest { ID = 17 });
            case 2:
                return PostAsync("Alarm", new AlarmRequest());
            case 3:
                return PostAsync("MoveLeader", new MoveLeaderRequest { TargetID = 17 });
            case 4:
                return PostAsync("Leader", new LeaderRequest { Name = Bytes("nobody") });
            case 5:
                return PostAsync("Unlock", new UnlockRequest { Key = Bytes(OneOf("", "a", "nothing")) });
            default:
                var (rpc, request) = _generator.NextPlain();
                return PostAsync(rpc, request);
        }
    }

    private async Task PostAsync(string rpc, IMessage request)
    {
        if (World.LeavesOut(request))
            return;
        bool ownNames = Random.Next(3) > 0;
        string json = new JsonFormatter(JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(ownNames)).Format(request);
        World.Remember($"client {Client} POST {_paths[rpc]} {World.Shown(request)}");
        var answers = await Task.WhenAll(World.Left.PostAsync(_paths[rpc], json, _noHeaders), World.Right.PostAsync(_paths[rpc], json, _noHeaders));
        long revision = 0;
        (int Status, string Body)[] plain =
        [
            (answers[0].Status, Plain(World.Left.StandIns.Incoming(answers[0].Body), ref revision)),
            (answers[1].Status, Plain(World.Right.StandIns.Incoming(answers[1].Body), ref revision)),
        ];
        Assert.True(plain[0] == plain[1], $"POST {_paths[rpc]} {World.Shown(request)}\n  etcd:   {plain[0]}\n  tested: {plain[1]}");
        World.Count($"JSON {rpc} {plain[0].Status} {(JsonNode.Parse(answers[0].Body)?["message"] ?? "")}");
        await World.MoveAsync(revision);
    }

    private static string Plain(string body, ref long revision)
    {
        JsonNode? answer = JsonNode.Parse(body);
        if (answer?["header"] is JsonObject header)
        {
            foreach (string name in _ownIds)
                Assert.True(header.Remove(name), $"no {name} in {body}");
            revision = Math.Max(revision, long.Parse(header["revision"]?.GetValue<string>() ?? "0"));
        }

        // Nor have alarms an order.
        if (answer?["alarms"] is JsonArray alarms)
            answer["alarms"] = new JsonArray([.. alarms.Select(static alarm => alarm!.DeepClone()).OrderBy(static alarm => alarm.ToJsonString(), StringComparer.Ordinal)]);

        // The members of an object have no order; those of a list have.
        return Sorted(answer)?.ToJsonString() ?? "null";
    }

    private static JsonNode? Sorted(JsonNode? node) => node switch
    {
        JsonObject one => new JsonObject(one.OrderBy(static field => field.Key, StringComparer.Ordinal).Select(static field => KeyValuePair.Create(field.Key, Sorted(field.Value)))),
        JsonArray list => new JsonArray([.. list.Select(Sorted)]),
        _ => node?.DeepClone(),
    };
}
