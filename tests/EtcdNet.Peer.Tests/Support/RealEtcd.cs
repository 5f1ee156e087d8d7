using System.Diagnostics;
using EtcdNet.StateMachine.Cluster;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>A real etcd that founds a cluster of two with somebody of ours.</summary>
internal sealed class RealEtcd : IAsyncDisposable
{
    private const string Token = "peer-test";

    private readonly TempDirectory _files = new();
    private readonly string _clientUrl;
    private readonly string _binary;
    private Process? _process;

    public RealEtcd(string? binary = null)
    {
        var ports = FreePorts.Take(2);
        _clientUrl = $"http://127.0.0.1:{ports[0]}";
        PeerUrl = $"http://127.0.0.1:{ports[1]}";
        Id = IdOf(PeerUrl);
        Client = new EtcdClient(new Uri(_clientUrl));
        _binary = binary ?? ServerTarget.Oracle.Binary;
    }

    public ulong Id { get; }

    public string PeerUrl { get; }

    public EtcdClient Client { get; }

    public static ulong IdOf(string peerUrl) => MemberIds.OfMember([peerUrl], Token);

    public ulong ClusterWith(ulong other) => MemberIds.OfCluster([Id, other]);

    public void Start(string otherUrl)
    {
        var start = new ProcessStartInfo(
            _binary,
            [
                "--name", "etcd", "--data-dir", _files.At("data"), "--listen-client-urls", _clientUrl, "--advertise-client-urls", _clientUrl,
                "--listen-peer-urls", PeerUrl, "--initial-advertise-peer-urls", PeerUrl, "--initial-cluster-token", Token,
                "--initial-cluster", $"etcd={PeerUrl},ours={otherUrl}", "--log-level", "error",
            ]) { RedirectStandardOutput = true, RedirectStandardError = true };
        _process = Process.Start(start)!;
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Writes as often as it takes while leadership settles.</summary>
    public Task PutAsync(string key) => Deadline.UntilAsync(
        async () =>
        {
            try
            {
                return (await Client.PutAsync(key, key)).Status == 0;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        },
        Wait.Limit);

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (_process is not null)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _files.Dispose();
    }
}
