using EtcdNet.Protocol.Authpb;
using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>
/// A client that manages users and roles and, with tokens of any of them, does what they may and may not. It changes its name often, takes old tokens and
/// wrong passwords, and now and then turns authentication off and on.
/// </summary>
internal sealed class AuthSession(World world, int client, AuthBook book) : Session(world, client)
{
    private static readonly Dictionary<string, string> _nobody = [];
    private readonly RequestGenerator _generator = new(world.Random, world.Store);

    /// <inheritdoc/>
    public override async Task StepAsync()
    {
        switch (Random.Next(100))
        {
            case < 9:
                await AuthenticateAsync();
                break;
            case < 36:
                var (change, management) = Management();
                if (management is not AuthRoleGrantPermissionRequest grant || await HasRoomAsync(grant.Name))
                    await CallAsync(change, management, Random.Next(4) == 0 ? Headers() : book.Root);
                break;
            case < 40:
                string asked = OneOf("AuthStatus", "UserList", "RoleList");
                await CallAsync(asked, Empty(asked), Headers());
                break;
            case 40 when Random.Next(4) == 0:
                await SwitchAsync();
                break;
            case < 75:
                var (rpc, request) = Random.Next(8) == 0 ? (Rpcs.RangeStream, _generator.RangeInPieces()) : _generator.NextPlain();
                await CallAsync(rpc, EmptyRanges.Without(request), Headers());
                break;
            case < 86:
                await LeaseAsync();
                break;
            case < 90:
                await World.FirstOfStreamAsync(Client, "Watch", new WatchRequest { CreateRequest = Watch() }, Headers());
                break;
            default:
                await AdministerAsync();
                break;
        }
    }

    // A token that is no good any more is forgotten, or soon no other would be left.
    private async Task<Outcome> CallAsync(string rpc, IMessage request, Dictionary<string, string> headers)
    {
        Outcome outcome = await World.CallAsync(Client, rpc, request, headers);
        if (outcome.Message.EndsWith("invalid auth token", StringComparison.Ordinal) && headers.TryGetValue("token", out string? stale))
            await book.ForgetAsync(stale, World, Client);
        return outcome;
    }

    // Not a token with an index that is far ahead: etcd waits until it has come as far, without an end.
    private Dictionary<string, string> Headers() => Random.Next(40) switch
    {
        0 => _nobody,
        1 => new() { ["token"] = OneOf("", "garbage", "abcdefghijklmnop.7", "a.b", ".") },
        2 => new() { ["authorization"] = book.AnyToken(Random) },
        3 => new() { ["token"] = book.AnyToken(Random), ["authorization"] = "garbage" },
        _ => new() { ["token"] = book.AnyToken(Random) },
    };

    private string User() => OneOf([.. AuthBook.Users, AuthBook.Users[1], AuthBook.Users[2], AuthBook.Users[3], "nobody", ""]);

    private string Role() => OneOf([.. AuthBook.Roles, AuthBook.Roles[1], AuthBook.Roles[2], AuthBook.Roles[3], "none", ""]);

    private string Password() => OneOf(AuthBook.Passwords);

    private async Task AuthenticateAsync()
    {
        string user = User();
        Outcome outcome = await CallAsync("Authenticate", new AuthenticateRequest { Name = user, Password = Password() }, _nobody);
        if (outcome.Answer is not null)
            book.Add(user, World.LastToken);
    }

    // Off only for a while: whoever finds it off turns it on.
    private async Task SwitchAsync()
    {
        await CallAsync("AuthDisable", new AuthDisableRequest(), Random.Next(3) == 0 ? book.Root : Headers());
        var status = (await CallAsync("AuthStatus", new AuthStatusRequest(), book.Root)).Answer as AuthStatusResponse;
        if (status is { Enabled: true })
            return;
        for (int i = Random.Next(40); i > 0; i--)
        {
            var (change, management) = Management();
            if (management is not AuthRoleGrantPermissionRequest grant || await HasRoomAsync(grant.Name))
                await CallAsync(change, management, Headers());
        }

        await CallAsync("AuthEnable", new AuthEnableRequest(), _nobody);
        await book.EnableAsync(World, Client);
    }

    // Up to twelve permissions Go's sort is stable; beyond, those with one first key change places, and etcd's next change goes by the place.
    private async Task<bool> HasRoomAsync(string role)
    {
        const int mostStable = 12;
        Outcome outcome = await CallAsync("RoleGet", new AuthRoleGetRequest { Role = role }, book.Root);
        if (outcome.Answer is not AuthRoleGetResponse { Perm.Count: >= mostStable })
            return true;
        await CallAsync("RoleDelete", new AuthRoleDeleteRequest { Role = role }, book.Root);
        return false;
    }

    private (string Rpc, IMessage Request) Management()
    {
        string user = User();
        string role = Role();
        return Random.Next(24) switch
        {
            < 3 => ("UserAdd", AddUser(user)),
            3 => ("UserDelete", new AuthUserDeleteRequest { Name = user }),
            4 => ("UserChangePassword", new AuthUserChangePasswordRequest { Name = user, Password = user == "root" ? OneOf("one", "two") : Password() }),
            < 8 => ("UserGrantRole", new AuthUserGrantRoleRequest { User = user, Role = user == "root" ? Role() : OneOf(AuthBook.Roles.AsSpan(1)) }),
            8 => ("UserRevokeRole", new AuthUserRevokeRoleRequest { Name = user, Role = role }),
            < 11 => ("UserGet", new AuthUserGetRequest { Name = user }),
            < 13 => ("RoleAdd", new AuthRoleAddRequest { Name = role }),
            13 => ("RoleDelete", new AuthRoleDeleteRequest { Role = role }),
            < 16 => ("RoleGet", new AuthRoleGetRequest { Role = role }),
            < 21 => ("RoleGrantPermission", new AuthRoleGrantPermissionRequest { Name = role, Perm = Permission() }),
            < 23 => ("RoleRevokePermission", new AuthRoleRevokePermissionRequest { Role = role, Key = _generator.Key(), RangeEnd = _generator.RangeEnd() }),
            _ => ("AuthEnable", new AuthEnableRequest()),
        };
    }

    // Root has a password, or nobody could be root any more. (A password that is changed to an empty one fits none.)
    private AuthUserAddRequest AddUser(string user)
    {
        var add = new AuthUserAddRequest { Name = user, Password = Password() };
        if (user == "root")
            return add;
        if (Random.Next(5) == 0)
            add.Options = new UserAddOptions { NoPassword = Random.Next(3) > 0 };
        if (Random.Next(8) == 0)
            add.HashedPassword = OneOf("", "x", "JDJhJDA0JA==", "!");
        return add;
    }

    private Permission? Permission() => Random.Next(20) == 0
        ? null
        : new Permission { PermType = (Permission.Types.Type)Random.Next(Random.Next(12) == 0 ? 5 : 3), Key = _generator.Key(), RangeEnd = _generator.RangeEnd() };

    private static IMessage Empty(string rpc) => rpc switch
    {
        "AuthStatus" => new AuthStatusRequest(),
        "UserList" => new AuthUserListRequest(),
        _ => new AuthRoleListRequest(),
    };

    private WatchCreateRequest Watch() =>
        EmptyRanges.Without(new WatchCreateRequest { Key = _generator.Key(), RangeEnd = _generator.RangeEnd(), PrevKv = Random.Next(2) == 0, WatchId = Random.Next(3) });

    // Leases hold keys of several users.
    private Task<Outcome> LeaseAsync()
    {
        long lease = Random.Next(1, 8);
        return Random.Next(12) switch
        {
            < 3 => CallAsync("LeaseGrant", new LeaseGrantRequest { ID = lease, TTL = 50_000 }, Headers()),
            < 6 => CallAsync("Put", new PutRequest { Key = _generator.Key(), Lease = lease, PrevKv = Random.Next(3) == 0 }, Headers()),
            < 8 => CallAsync("LeaseRevoke", new LeaseRevokeRequest { ID = lease }, Headers()),
            < 10 => CallAsync("LeaseTimeToLive", new LeaseTimeToLiveRequest { ID = lease, Keys = Random.Next(3) > 0 }, Headers()),
            10 => CallAsync("LeaseLeases", new LeaseLeasesRequest(), Headers()),
            _ => World.FirstOfStreamAsync(Client, "LeaseKeepAlive", new LeaseKeepAliveRequest { ID = lease }, Headers()),
        };
    }

    private Task<Outcome> AdministerAsync() => Random.Next(12) switch
    {
        0 => CallAsync("MemberList", new MemberListRequest { Linearizable = Random.Next(2) == 0 }, Headers()),
        1 => CallAsync("MemberAdd", new MemberAddRequest { PeerURLs = { "bad" } }, Headers()),
        2 => CallAsync("MemberRemove", new MemberRemoveRequest { ID = 17 }, Headers()),
        3 => CallAsync("MemberUpdate", new MemberUpdateRequest { ID = 17, PeerURLs = { "http://m:1" } }, Headers()),
        4 => CallAsync("MemberPromote", new MemberPromoteRequest { ID = 17 }, Headers()),
        5 => CallAsync("Alarm", new AlarmRequest { Action = (AlarmRequest.Types.AlarmAction)OneOf(0, 2), MemberID = 17, Alarm = AlarmType.Nospace }, Headers()),
        6 => CallAsync("Status", new StatusRequest(), Headers()),
        7 => CallAsync("Hash", new HashRequest(), Headers()),
        8 => CallAsync("HashKV", new HashKVRequest(), Headers()),
        9 => CallAsync("MoveLeader", new MoveLeaderRequest { TargetID = 17 }, Headers()),
        10 => CallAsync("Downgrade", new DowngradeRequest { Version = "x" }, Headers()),
        _ => CallAsync("Compact", new CompactionRequest { Revision = Math.Max(1, World.Store.Compacted + Random.Next(0, 3)) }, Headers()),
    };
}
