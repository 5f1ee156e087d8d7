using EtcdNet.Protocol.Etcdserverpb;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>Who there is, and the tokens that were given: all clients write down theirs here and take others' as well.</summary>
internal sealed class AuthBook
{
    /// <summary>The names of users; the first is the one that must be there.</summary>
    public static readonly string[] Users = ["root", "ann", "bob", "cleo"];

    /// <summary>The names of roles; the first is the one that may do everything.</summary>
    public static readonly string[] Roles = ["root", "reader", "writer", "any"];

    /// <summary>All passwords that anybody ever has.</summary>
    public static readonly string[] Passwords = ["one", "two", "", "one"];

    private const int TokensMax = 16;
    private static readonly Dictionary<string, string> _nobody = [];
    private const string Never = "token-never";
    private readonly List<string> _tokens = [];
    private string _stale = Never;

    /// <summary>The header of somebody who may do everything, unless it was just taken from him.</summary>
    public Dictionary<string, string> Root { get; private set; } = [];

    /// <summary>A token that was given once; it may be a stale one.</summary>
    public string AnyToken(Random random) => random.Next(20) switch
    {
        < 3 => Root.GetValueOrDefault("token", Never),
        3 => _stale,
        _ => _tokens.Count > 0 ? _tokens[random.Next(_tokens.Count)] : Never,
    };

    /// <summary>Writes down a token.</summary>
    public void Add(string user, string token)
    {
        if (user == Users[0])
            Root = new() { ["token"] = token };
        _tokens.Add(token);
        if (_tokens.Count > TokensMax)
            _tokens.RemoveAt(0);
    }

    /// <summary>Makes root, and turns authentication on. Whatever of it is there already is refused in the same way by both.</summary>
    public async Task EnableAsync(World world, int client)
    {
        await world.CallAsync(client, "UserAdd", new AuthUserAddRequest { Name = Users[0], Password = Passwords[0] }, Root);
        await world.CallAsync(client, "RoleAdd", new AuthRoleAddRequest { Name = Roles[0] }, Root);
        await world.CallAsync(client, "UserGrantRole", new AuthUserGrantRoleRequest { User = Users[0], Role = Roles[0] }, Root);
        await world.CallAsync(client, "AuthEnable", new AuthEnableRequest(), Root);
        await RenewRootAsync(world, client);
        foreach ((string user, string role) in Users.Skip(1).Zip(Roles.Skip(1)))
        {
            await world.CallAsync(client, "UserAdd", new AuthUserAddRequest { Name = user, Password = Passwords[0] }, Root);
            await world.CallAsync(client, "UserChangePassword", new AuthUserChangePasswordRequest { Name = user, Password = Passwords[0] }, Root);
            await world.CallAsync(client, "RoleAdd", new AuthRoleAddRequest { Name = role }, Root);
            await world.CallAsync(client, "UserGrantRole", new AuthUserGrantRoleRequest { User = user, Role = role }, Root);
            var authenticate = new AuthenticateRequest { Name = user, Password = Passwords[0] };
            if ((await world.CallAsync(client, "Authenticate", authenticate, _nobody)).Answer is not null)
                Add(user, world.LastToken);
        }
    }

    /// <summary>A token is no good any more. Root gets another one.</summary>
    public async Task ForgetAsync(string token, World world, int client)
    {
        if (_tokens.Remove(token))
            _stale = token;
        if (token == Root.GetValueOrDefault("token"))
            await RenewRootAsync(world, client);
    }

    /// <summary>A token for root, whose password is one of a few.</summary>
    public async Task RenewRootAsync(World world, int client)
    {
        foreach (string password in Passwords.Distinct())
        {
            var request = new AuthenticateRequest { Name = Users[0], Password = password };
            if ((await world.CallAsync(client, "Authenticate", request, _nobody)).Answer is not null)
            {
                Add(Users[0], world.LastToken);
                return;
            }
        }

        throw new InvalidOperationException("nobody can be root any more");
    }
}
