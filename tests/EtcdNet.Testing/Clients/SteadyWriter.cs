using System.Globalization;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Testing.Clients;

/// <summary>
/// One client that sends one request after the other, in a process of its own (h2load): what a busy test adds to its own waiting is not
/// taken for the server's.
/// </summary>
public sealed class SteadyWriter : IAsyncDisposable
{
    private readonly TempDirectory _files;
    private readonly Command _h2load;
    private bool _ended;

    private SteadyWriter(TempDirectory files, Command h2load) => (_files, _h2load) = (files, h2load);

    /// <summary>Starts to send.</summary>
    public static SteadyWriter Start(Uri server, string path, IMessage request, int count)
    {
        var files = new TempDirectory();
        File.WriteAllBytes(files.At("body"), GrpcFrames.Encode(request));
        string[] arguments =
        [
            "-c", "1", "-m", "1", "-n", $"{count}", "-t", "1", "-d", files.At("body"), "--log-file", files.At("log"),
            "-H", "content-type: application/grpc", "-H", "te: trailers", new Uri(server, path).ToString(),
        ];
        return new SteadyWriter(files, Command.Start("h2load", arguments));
    }

    /// <summary>Lets it come to its end.</summary>
    /// <returns>How long each request took, in milliseconds, ascending.</returns>
    public async Task<double[]> FinishAsync(TimeSpan limit)
    {
        await _h2load.FinishAsync(limit);
        return Read();
    }

    /// <summary>Ends it in the middle of a request.</summary>
    /// <returns>How long each finished request took, in milliseconds, ascending.</returns>
    public async Task<double[]> StopAsync()
    {
        await EndAsync();
        return Read();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        _files.Dispose();
    }

    private async Task EndAsync()
    {
        if (_ended)
            return;
        _ended = true;
        await _h2load.DisposeAsync();
    }

    // A line for each request: start in µs since the epoch, HTTP status, duration in µs. The last line may be cut off.
    private double[] Read()
    {
        string[][] lines = [.. File.ReadLines(_files.At("log")).Select(static line => line.Split('\t')).Where(static parts => parts.Length == 3)];
        if (Array.Find(lines, static parts => parts[1] != "200") is { } failed)
            throw new InvalidOperationException($"a request was answered with {failed[1]}");
        return [.. lines.Select(static parts => long.Parse(parts[2], CultureInfo.InvariantCulture) / 1e3).Order()];
    }
}
