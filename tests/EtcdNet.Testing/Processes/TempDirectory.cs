namespace EtcdNet.Testing.Processes;

/// <summary>A directory of its own under the system's temporary folder, deleted with everything in it when disposed.</summary>
public sealed class TempDirectory : IDisposable
{
    /// <summary>Absolute path of the directory.</summary>
    public string Path { get; } = Directory.CreateTempSubdirectory("etcdnet-test-").FullName;

    /// <summary>Absolute path of a name inside the directory.</summary>
    public string At(string name) => System.IO.Path.Combine(Path, name);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Path))
            Directory.Delete(Path, recursive: true);
    }
}
