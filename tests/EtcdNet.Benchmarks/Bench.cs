using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Benchmarks;

/// <summary>A server under load by h2load, alone or in a cluster whose members are paid for together. Not thread-safe.</summary>
/// <param name="server">Who is asked.</param>
/// <param name="files">For what h2load reads and writes.</param>
/// <param name="others">The other members.</param>
internal sealed class Bench(ServerProcess server, TempDirectory files, params IReadOnlyList<ServerProcess> others) : IDisposable
{
    private readonly EtcdClient _client = new(server.ClientUrl);

    /// <summary>Name and release of the server.</summary>
    public string Name => server.Target.Name;

    /// <inheritdoc/>
    public void Dispose() => _client.Dispose();

    /// <summary>Runs a workload once and checks that the server did every request.</summary>
    /// <exception cref="InvalidOperationException">A request failed, over HTTP or with a gRPC status other than OK.</exception>
    public async Task<Measurement> RunAsync(Workload load, int round, int requests)
    {
        var (body, log) = (files.At("body"), files.At("log"));
        await File.WriteAllBytesAsync(body, load.Body(round));
        File.Delete(log);
        var revision = await RevisionAsync();
        var handled = await HandledAsync(load.Method);
        var cpu = CpuSeconds();
        var result = await Command.RunAsync(
            "h2load",
            [
                "-c", $"{load.Connections}", "-m", $"{load.Streams}", "-n", $"{requests}", "-t", "1", "-d", body, "--log-file", log,
                "-H", "content-type: application/grpc", "-H", "te: trailers", $"{server.ClientUrl}etcdserverpb.KV/{load.Method}",
            ],
            limit: TimeSpan.FromMinutes(5));
        cpu = CpuSeconds() - cpu;
        if (result.ExitCode != 0 || !result.Output.Contains($"{requests} succeeded", StringComparison.Ordinal))
            throw new InvalidOperationException($"h2load against {Name} failed: {result.Output}{result.Error}");
        await CheckAsync(load, requests, revision, handled);
        var micros = ReadLog(log);
        return new Measurement(
            requests / Seconds(result.Output), micros[micros.Length / 2] / 1e3, micros[(int)(micros.Length * 0.99)] / 1e3,
            cpu * 1e6 / requests, ProcessMeter.ResidentMebibytes(server.Id));
    }

    private double CpuSeconds() => others.Append(server).Sum(static member => ProcessMeter.CpuSeconds(member.Id));

    // h2load looks only at the HTTP status, which gRPC leaves at 200 for every error.
    private async Task CheckAsync(Workload load, int requests, long revisionBefore, double handledBefore)
    {
        var done = await HandledAsync(load.Method) - handledBefore;
        // The revision is asked for by a Range, which counts as well.
        if (load.Method == "Range" ? done < requests : (long)done != requests)
            throw new InvalidOperationException($"{Name} answered {done} of {requests} {load.Method} calls with OK");
        if (load.Method == "Put" && await RevisionAsync() - revisionBefore != requests)
            throw new InvalidOperationException($"{Name}: {requests} puts did not make as many revisions");
    }

    private async Task<long> RevisionAsync() => (await _client.RangeAsync(new RangeRequest { Key = Google.Protobuf.ByteString.CopyFromUtf8("x") })).Answer.Header.Revision;

    private async Task<double> HandledAsync(string method)
    {
        using var http = new HttpClient();
        var start = $"grpc_server_handled_total{{grpc_code=\"OK\",grpc_method=\"{method}\",grpc_service=\"etcdserverpb.KV\",";
        var line = (await http.GetStringAsync($"{server.ClientUrl}metrics")).Split('\n').FirstOrDefault(l => l.StartsWith(start, StringComparison.Ordinal));
        return line is null ? 0 : double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
    }

    // "finished in 2.51s, …" or "finished in 251.07ms, …"
    private static double Seconds(string output)
    {
        var text = output.Split("finished in ")[1].Split(',')[0];
        return text.EndsWith("ms", StringComparison.Ordinal)
            ? double.Parse(text[..^2], CultureInfo.InvariantCulture) / 1000
            : double.Parse(text[..^1], CultureInfo.InvariantCulture);
    }

    // A line for each request: start in µs since the epoch, HTTP status, duration in µs.
    private static long[] ReadLog(string log) =>
        [.. File.ReadLines(log).Select(l => long.Parse(l.Split('\t')[2], CultureInfo.InvariantCulture)).Order()];
}
