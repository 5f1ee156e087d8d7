namespace EtcdNet.Testing.Processes;

/// <summary>Where and as whom a server runs.</summary>
/// <param name="Name">The value of --name.</param>
/// <param name="Endpoint">host:port for clients.</param>
/// <param name="PeerUrl">URL for other members.</param>
public sealed record ServerPlace(string Name, string Endpoint, string PeerUrl)
{
    /// <summary>The value of --initial-cluster; this member alone unless set.</summary>
    public string InitialCluster { get; init; } = $"{Name}={PeerUrl}";

    /// <summary>What stands before the program on the command line, for example <c>ip netns exec NAME</c>. It must exec the program, so that both have one process id.</summary>
    public IReadOnlyList<string> Launcher { get; init; } = [];

    /// <summary>Added to the environment.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>Free ports of 127.0.0.1.</summary>
    public static ServerPlace OnLoopback(string name)
    {
        var ports = FreePorts.Take(2);
        return new ServerPlace(name, $"127.0.0.1:{ports[0]}", $"http://127.0.0.1:{ports[1]}");
    }
}
