using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.LanguageClients;

/// <summary>The client libraries of other languages: a script uses each the way an application would, and all that it prints is compared.</summary>
public sealed class LanguageClientTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private static readonly string _clients = Path.Combine(AppContext.BaseDirectory, "clients");

    private ServerProcess Server => fixture.Server;

    [Fact]
    public async Task Python_etcd3()
    {
        var result = await Command.RunAsync("/usr/bin/python3", [Path.Combine(_clients, "python", "client.py"), Server.Endpoint]);
        Assert.Equal(
            $"""
            get 1 py/a 1 0
            get missing None
            prefix [('py/a', '1'), ('py/b', '2')]
            sorted ['py/b', 'py/a']
            range ['py/a']
            keys only [('py/a', ''), ('py/b', '')]
            previous 2
            response 1 False True
            all True
            create False True
            replace False True
            txn True one
            watch [('PutEvent', 'py/d', '4'), ('DeleteEvent', 'py/c', ''), ('PutEvent', 'py/live', '5')]
            callback True
            once 6
            quiet
            delete True False
            delete prefix 3
            lease 600 True ['py/leased']
            refresh [600]
            info 600 ['py/leased']
            revoked None -1 [0]
            chosen 4712 700
            lock True
            refreshed [30]
            unlocked False
            next True True
            compacted 2
            status {Server.Target.Version} default True True True
            members [('default', ['http://{Server.Endpoint}'], ['{Server.PeerUrl}'])]
            hash True
            alarms []
            raised [1] [1]
            full RESOURCE_EXHAUSTED etcdserver: mvcc: database space exceeded
            disarmed []
            defragment None
            update None
            error NOT_FOUND etcdserver: requested lease not found

            """,
            result.Output + result.Error);
    }

    [Theory]
    [InlineData("v3")]
    [InlineData("v3beta")]
    public async Task Python_etcd3gw(string version)
    {
        var prefix = $"gateway/{version}/";
        var result = await Command.RunAsync("/usr/bin/python3", [Path.Combine(_clients, "python", "gateway.py"), Server.Endpoint, $"/{version}/", prefix]);
        Assert.Equal(
            $"""
            put True True True
            get ['1'] []
            meta [('{prefix}b', '3', '2')]
            prefix [('{prefix}a', '1', '1'), ('{prefix}b', '3', '2')]
            sorted [('{prefix}b', '3', '2'), ('{prefix}a', '1', '1')]
            empty ['']
            binary [b'\x00\xff\xfe']
            create False True
            replace False True ['one']
            watch [('PUT', '{prefix}live', 'again'), ('DELETE', '{prefix}live', '')]
            history {prefix}c 3
            quiet
            delete True False
            lease True ['{prefix}leased'] 600
            revoke True [] -1
            lock True False True False 60
            release False True True True
            held True
            free False
            status {Server.Target.Version} True True
            members [('default', ['http://{Server.Endpoint}'], ['{Server.PeerUrl}'])]
            error Etcd3Exception ('Not Found',)
            error Etcd3Exception ('Bad Request',)
            error Etcd3Exception ('Not Found',)
            error Etcd3Exception ('Bad Request',)
            delete prefix True []

            """,
            result.Output + result.Error);
    }

    [Fact]
    public async Task Npm_etcd3()
    {
        var modules = Path.Combine(ServerTarget.Artifacts(), "node", "node_modules");
        Assert.True(Directory.Exists(Path.Combine(modules, "etcd3")), $"{modules} has no etcd3: tests/run installs it");
        var environment = new Dictionary<string, string> { ["NODE_PATH"] = modules };
        var result = await Command.RunAsync("node", [Path.Combine(_clients, "node", "client.cjs"), Server.Endpoint], environment: environment);
        Assert.Equal(
            $$"""
            get "1" null
            prefix {"js/a":"1","js/b":"2"}
            keys ["js/b","js/a"]
            count 2
            limit ["js/a"]
            old "1"
            txn true ["response_put","response_range","response_delete_range"]
            watch [["put","js/c","3"],["delete","js/b",""],["put","js/live","5"]]
            lease "600" ["js/leased"]
            revoked null
            kept "x"
            lock "held"
            busy "EtcdLockFailedError"
            alone 1
            elected "alice" "alice"
            proclaimed "alice again"
            follows "bob"
            stm 3
            namespace {"b":1} ["js/space/a"] ["a"]
            revisions ["js/c","js/counter","js/live","js/space/a"]
            delete "5"
            compacted "11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted"
            status "{{Server.Target.Version}}" true true
            alarm ["Nospace"]
            disarmed []
            hash true
            members [["default",["http://{{Server.Endpoint}}"],["{{Server.PeerUrl}}"]]]
            error "Lease 5 NOT_FOUND: etcdserver: requested lease not found is expired or revoked"

            """,
            result.Output + result.Error);
    }
}
