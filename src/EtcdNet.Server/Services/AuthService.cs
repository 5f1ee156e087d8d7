using System.Text;
using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Auth;
using EtcdNet.Server.Consensus;
using EtcdNet.StateMachine.Auth;
using EtcdNet.StateMachine.Errors;
using Google.Protobuf;
using Serilog;

namespace EtcdNet.Server.Services;

/// <summary>etcdserverpb.Auth: users, roles, permissions and tokens. Everything goes through the log, reads too.</summary>
public sealed class AuthService
{
    private const int LoggedNameMax = 128;

    private readonly AuthStore _store;
    private readonly IProposer _proposer;
    private readonly IReadIndexGate _reads;
    private readonly HeaderSource _headers;
    private readonly AuthGuard _guard;
    private readonly ITokenProvider _tokens;
    private readonly Passwords _passwords;
    private readonly ILogger _log;

    internal AuthService(
        AuthStore store, IProposer proposer, IReadIndexGate reads, HeaderSource headers, AuthGuard guard, ITokenProvider tokens,
        Passwords passwords, ILogger log)
    {
        _store = store;
        _proposer = proposer;
        _reads = reads;
        _headers = headers;
        _guard = guard;
        _tokens = tokens;
        _passwords = passwords;
        _log = log.ForContext<AuthService>();
    }

    /// <summary>From now on requests need a user.</summary>
    /// <exception cref="EtcdException">RootUserNotExist, RootRoleNotExist.</exception>
    public ValueTask<AuthEnableResponse> AuthEnableAsync(AuthEnableRequest request, CallContext call) =>
        AskAsync<AuthEnableResponse>(new InternalRaftRequest { AuthEnable = request }, call, static answer => answer.Header);

    /// <summary>Requests need no user any more; all tokens end.</summary>
    public ValueTask<AuthDisableResponse> AuthDisableAsync(AuthDisableRequest request, CallContext call) =>
        AskAsync<AuthDisableResponse>(new InternalRaftRequest { AuthDisable = request }, call, static answer => answer.Header);

    /// <summary>Whether requests need a user, and the revision of the auth store.</summary>
    public ValueTask<AuthStatusResponse> AuthStatusAsync(AuthStatusRequest request, CallContext call) =>
        AskAsync<AuthStatusResponse>(new InternalRaftRequest { AuthStatus = request }, call, static answer => answer.Header);

    /// <summary>A token for a name and its password.</summary>
    /// <exception cref="EtcdException">AuthNotEnabled, AuthFailed; Unknown for a user that has no password.</exception>
    public async ValueTask<AuthenticateResponse> AuthenticateAsync(AuthenticateRequest request, CallContext call)
    {
        await _reads.WaitAsync(call.Cancellation).ConfigureAwait(false);
        while (true)
        {
            ulong revision = await CheckPasswordAsync(request, call).ConfigureAwait(false);
            // The password stays here: it is in no entry of the log.
            var proposal = new InternalAuthenticateRequest { Name = request.Name, SimpleToken = _tokens.NewPrefix() };
            var answer = (AuthenticateResponse)await _proposer
                .ProposeAsync(new InternalRaftRequest { Authenticate = proposal }, call.Cancellation).ConfigureAwait(false);
            // If anything has changed since the check, the password may have, too.
            if (revision != _store.View.Revision)
                continue;
            answer.Token = _tokens.Issue(request.Name, revision, answer.Token);
            _headers.Complete(answer.Header);
            return answer;
        }
    }

    /// <summary>Adds a user.</summary>
    /// <exception cref="EtcdException">UserEmpty, UserAlreadyExist.</exception>
    public async ValueTask<AuthUserAddResponse> UserAddAsync(AuthUserAddRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false); // before a hash is made for anybody
        var add = new AuthUserAddRequest { Name = request.Name, Options = request.Options, HashedPassword = request.HashedPassword };
        if (request.Options is not { NoPassword: true })
            add.HashedPassword = await HashAsync(request.Password, call).ConfigureAwait(false);
        return await AskAsync<AuthUserAddResponse>(new InternalRaftRequest { AuthUserAdd = add }, call, static answer => answer.Header).ConfigureAwait(false);
    }

    /// <summary>The roles of a user.</summary>
    /// <exception cref="EtcdException">UserNotFound.</exception>
    public async ValueTask<AuthUserGetResponse> UserGetAsync(AuthUserGetRequest request, CallContext call)
    {
        // Everybody may look at themselves, nobody too; but there is no such user.
        if (request.Name.Length == 0 && (await _guard.IdentifyAsync(call).ConfigureAwait(false)).IsNobody)
            throw EtcdError.UserNotFound.ToException();
        return await AskAsync<AuthUserGetResponse>(new InternalRaftRequest { AuthUserGet = request }, call, static answer => answer.Header).ConfigureAwait(false);
    }

    /// <summary>All users.</summary>
    public ValueTask<AuthUserListResponse> UserListAsync(AuthUserListRequest request, CallContext call) =>
        AskAsync<AuthUserListResponse>(new InternalRaftRequest { AuthUserList = request }, call, static answer => answer.Header);

    /// <summary>Deletes a user; its tokens end.</summary>
    /// <exception cref="EtcdException">UserNotFound, InvalidAuthMgmt.</exception>
    public ValueTask<AuthUserDeleteResponse> UserDeleteAsync(AuthUserDeleteRequest request, CallContext call) =>
        AskAsync<AuthUserDeleteResponse>(new InternalRaftRequest { AuthUserDelete = request }, call, static answer => answer.Header);

    /// <summary>Gives a user another password; its tokens end.</summary>
    /// <exception cref="EtcdException">UserNotFound.</exception>
    public async ValueTask<AuthUserChangePasswordResponse> UserChangePasswordAsync(AuthUserChangePasswordRequest request, CallContext call)
    {
        await _guard.RequireAdminAsync(call).ConfigureAwait(false);
        var change = new AuthUserChangePasswordRequest { Name = request.Name, HashedPassword = request.HashedPassword };
        if (request.Password.Length > 0)
            change.HashedPassword = await HashAsync(request.Password, call).ConfigureAwait(false);
        else
            RefuseCostly(request.HashedPassword);
        return await AskAsync<AuthUserChangePasswordResponse>(
            new InternalRaftRequest { AuthUserChangePassword = change }, call, static answer => answer.Header).ConfigureAwait(false);
    }

    /// <summary>Gives a user a role.</summary>
    /// <exception cref="EtcdException">UserNotFound, RoleNotFound.</exception>
    public ValueTask<AuthUserGrantRoleResponse> UserGrantRoleAsync(AuthUserGrantRoleRequest request, CallContext call) =>
        AskAsync<AuthUserGrantRoleResponse>(new InternalRaftRequest { AuthUserGrantRole = request }, call, static answer => answer.Header);

    /// <summary>Takes a role from a user.</summary>
    /// <exception cref="EtcdException">UserNotFound, RoleNotGranted, InvalidAuthMgmt.</exception>
    public ValueTask<AuthUserRevokeRoleResponse> UserRevokeRoleAsync(AuthUserRevokeRoleRequest request, CallContext call) =>
        AskAsync<AuthUserRevokeRoleResponse>(new InternalRaftRequest { AuthUserRevokeRole = request }, call, static answer => answer.Header);

    /// <summary>Adds a role without permissions.</summary>
    /// <exception cref="EtcdException">RoleEmpty, RoleAlreadyExist.</exception>
    public ValueTask<AuthRoleAddResponse> RoleAddAsync(AuthRoleAddRequest request, CallContext call) =>
        AskAsync<AuthRoleAddResponse>(new InternalRaftRequest { AuthRoleAdd = request }, call, static answer => answer.Header);

    /// <summary>The permissions of a role.</summary>
    /// <exception cref="EtcdException">RoleNotFound.</exception>
    public ValueTask<AuthRoleGetResponse> RoleGetAsync(AuthRoleGetRequest request, CallContext call) =>
        AskAsync<AuthRoleGetResponse>(new InternalRaftRequest { AuthRoleGet = request }, call, static answer => answer.Header);

    /// <summary>All roles.</summary>
    public ValueTask<AuthRoleListResponse> RoleListAsync(AuthRoleListRequest request, CallContext call) =>
        AskAsync<AuthRoleListResponse>(new InternalRaftRequest { AuthRoleList = request }, call, static answer => answer.Header);

    /// <summary>Deletes a role and takes it from all users.</summary>
    /// <exception cref="EtcdException">RoleNotFound, InvalidAuthMgmt.</exception>
    public ValueTask<AuthRoleDeleteResponse> RoleDeleteAsync(AuthRoleDeleteRequest request, CallContext call) =>
        AskAsync<AuthRoleDeleteResponse>(new InternalRaftRequest { AuthRoleDelete = request }, call, static answer => answer.Header);

    /// <summary>Adds a permission to a role, or changes its type.</summary>
    /// <exception cref="EtcdException">PermissionNotGiven, InvalidAuthMgmt, RoleNotFound.</exception>
    public ValueTask<AuthRoleGrantPermissionResponse> RoleGrantPermissionAsync(AuthRoleGrantPermissionRequest request, CallContext call) =>
        AskAsync<AuthRoleGrantPermissionResponse>(new InternalRaftRequest { AuthRoleGrantPermission = request }, call, static answer => answer.Header);

    /// <summary>Takes a permission from a role.</summary>
    /// <exception cref="EtcdException">RoleNotFound, PermissionNotGranted.</exception>
    public ValueTask<AuthRoleRevokePermissionResponse> RoleRevokePermissionAsync(AuthRoleRevokePermissionRequest request, CallContext call) =>
        AskAsync<AuthRoleRevokePermissionResponse>(new InternalRaftRequest { AuthRoleRevokePermission = request }, call, static answer => answer.Header);

    private async ValueTask<T> AskAsync<T>(InternalRaftRequest request, CallContext call, Func<T, ResponseHeader> headerOf)
        where T : IMessage
    {
        var answer = (T)await _guard.ProposeAsync(_proposer, request, call, call.Cancellation).ConfigureAwait(false);
        _headers.Complete(headerOf(answer));
        return answer;
    }

    // What is no hash is refused where it is applied.
    private void RefuseCostly(string hash)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(hash.Length)];
        if (Convert.TryFromBase64String(hash, bytes, out int length))
            _passwords.RefuseCostly(bytes.AsSpan(0, length));
    }

    private async ValueTask<string> HashAsync(string password, CallContext call) =>
        Convert.ToBase64String(Encoding.ASCII.GetBytes(await _passwords.HashAsync(password, call.Cancellation).ConfigureAwait(false)));

    /// <summary>The revision of the auth store at which the password was right.</summary>
    private async ValueTask<ulong> CheckPasswordAsync(AuthenticateRequest request, CallContext call)
    {
        AuthView auth = _store.View;
        if (!auth.Enabled)
            throw EtcdError.AuthNotEnabled.ToException();
        User? user = auth.UserOf(request.Name);
        if (user is { NoPassword: true })
            throw new EtcdException(GrpcStatus.Unknown, "auth: authentication failed, password was given for no password user");
        if (user is not null && await _passwords.VerifyAsync(request.Password, user.PasswordHash, call.Cancellation).ConfigureAwait(false))
            return auth.Revision;
        _log.Warning("invalid authentication was requested; user {User}, client {Remote}", request.Name[..Math.Min(request.Name.Length, LoggedNameMax)], call.Remote);
        throw EtcdError.AuthFailed.ToException();
    }
}
