using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Maintenance;

/// <summary>etcd's own tool for snapshots, the one that came with the oracle: etcdctl up to 3.5 restores too.</summary>
internal static class SnapshotTool
{
    private static readonly string s_program = Path.Combine(Path.GetDirectoryName(ServerTarget.Oracle.Binary)!, "etcdctl");
    private static readonly Dictionary<string, string> s_environment = new() { ["ETCDCTL_API"] = "3" };

    /// <summary>Saves a snapshot; the tool checks its SHA-256.</summary>
    public static async Task SaveAsync(ServerProcess server, string file)
    {
        await RunAsync("--endpoints", server.Endpoint, "snapshot", "save", file);
        // 512 byte sectors and the checksum behind them.
        Assert.Equal(32, new FileInfo(file).Length % 512);
    }

    /// <summary>Status; the tool has bbolt check every page.</summary>
    public static async Task<SnapshotStatus> StatusAsync(string file)
    {
        JsonElement json = JsonDocument.Parse(await RunAsync("snapshot", "status", file, "-w", "json")).RootElement;
        return new SnapshotStatus(json.GetProperty("hash").GetUInt32(), json.GetProperty("revision").GetInt64(), json.GetProperty("totalKey").GetInt64());
    }

    /// <summary>A real etcd that starts with what was saved.</summary>
    public static async Task<ServerProcess> RestoreAsync(string file, string dataDirectory)
    {
        var place = ServerPlace.OnLoopback("restored");
        await RunAsync(
            "snapshot", "restore", file, "--data-dir", dataDirectory, "--name", place.Name,
            "--initial-cluster", place.InitialCluster, "--initial-advertise-peer-urls", place.PeerUrl);
        var server = ServerProcess.Create(ServerTarget.Oracle, place, dataDirectory);
        try
        {
            await server.StartAsync();
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }

        return server;
    }

    private static async Task<string> RunAsync(params string[] arguments)
    {
        CommandResult result = await Command.RunAsync(s_program, arguments, null, s_environment, TimeSpan.FromSeconds(120));
        Assert.True(result.ExitCode == 0, $"etcdctl {string.Join(' ', arguments)} exited with {result.ExitCode}: {result.Error}{result.Output}");
        return result.Output;
    }
}

/// <summary>What <c>snapshot status</c> says.</summary>
internal sealed record SnapshotStatus(uint Hash, long Revision, long TotalKeys);
