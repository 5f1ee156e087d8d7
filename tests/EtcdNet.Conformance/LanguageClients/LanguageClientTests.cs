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
            create False True
            replace False True
            txn True one
            watch [('PutEvent', 'py/d', '4'), ('DeleteEvent', 'py/c', ''), ('PutEvent', 'py/live', '5')]
            delete True False
            delete prefix 3
            lease 600 True ['py/leased']
            refresh [600]
            revoked None
            lock True
            unlocked False
            compacted 2
            status {Server.Target.Version} default True True True
            members [('default', ['http://{Server.Endpoint}'], ['{Server.PeerUrl}'])]
            hash True
            alarms []
            error NOT_FOUND etcdserver: requested lease not found

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
            lock "held"
            delete "3"
            compacted "11 OUT_OF_RANGE: etcdserver: mvcc: required revision has been compacted"
            status "{{Server.Target.Version}}" true true
            members [["default",["http://{{Server.Endpoint}}"],["{{Server.PeerUrl}}"]]]
            error "Lease 5 NOT_FOUND: etcdserver: requested lease not found is expired or revoked"

            """,
            result.Output + result.Error);
    }
}
