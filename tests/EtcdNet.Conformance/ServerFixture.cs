using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance;

/// <summary>One server for all tests of a class. The tests use keys of their own, so that they do not disturb each other.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    private ServerProcess? _server;

    /// <summary>The running server.</summary>
    public ServerProcess Server => _server ?? throw new InvalidOperationException("the server is not started yet");

    /// <inheritdoc/>
    public async Task InitializeAsync() => _server = await ServerProcess.StartAsync();

    /// <inheritdoc/>
    public async Task DisposeAsync() => await Server.DisposeAsync();
}
