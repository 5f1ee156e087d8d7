using System.Text.Json;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Cluster.Tests.Observing;

/// <summary>A real Prometheus that scrapes the given servers every second.</summary>
internal sealed class PrometheusServer : IAsyncDisposable
{
    private readonly TempDirectory _directory = new();
    private readonly HttpClient _http;
    private readonly Command _process;

    /// <param name="targets">host:port of what it scrapes, as job etcd.</param>
    public PrometheusServer(IEnumerable<string> targets)
    {
        string list = string.Join(", ", targets.Select(static target => $"'{target}'"));
        File.WriteAllText(_directory.At("prometheus.yml"), $$"""
            global: {scrape_interval: 1s, scrape_timeout: 1s}
            scrape_configs:
            - job_name: etcd
              static_configs: [{targets: [{{list}}]}]
            """);
        int port = FreePorts.Take(1)[0];
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}") };
        _process = Command.Start("prometheus",
        [
            $"--config.file={_directory.At("prometheus.yml")}", $"--storage.tsdb.path={_directory.At("data")}", $"--web.listen-address=127.0.0.1:{port}",
        ]);
    }

    /// <summary>Values of the series that an expression finds now; null while the server is not up yet.</summary>
    public async Task<double[]?> QueryAsync(string expression)
    {
        try
        {
            using var answer = await _http.PostAsync("/api/v1/query", new FormUrlEncodedContent([new("query", expression)]));
            if (answer.StatusCode == System.Net.HttpStatusCode.ServiceUnavailable)
                return null;
            var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
            if (json.GetProperty("status").GetString() != "success")
                throw new InvalidOperationException($"{expression}: {json}");
            return [.. json.GetProperty("data").GetProperty("result").EnumerateArray()
                .Select(static series => double.Parse(series.GetProperty("value")[1].GetString()!))];
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
        _directory.Dispose();
    }
}
