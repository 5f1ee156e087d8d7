using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Gateway;

/// <summary>
/// The JSON gateway answers byte by byte as etcd 3.5.30 did when the files in Cases were recorded, in one go on a fresh server
/// each. <c>ETCDNET_TEST_TARGET=etcd</c> proves the files on a real one.
/// </summary>
public sealed class RecordedAnswersTests
{
    private static readonly string _folder = Path.Combine(AppContext.BaseDirectory, "Gateway", "Cases");

    /// <summary>The names of all files.</summary>
    public static TheoryData<string> Files => [.. Directory.GetFiles(_folder, "*.txt").Select(f => Path.GetFileName(f)!).Order()];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Answers_are_those_of_etcd(string file)
    {
        await using var server = await ServerProcess.StartAsync();
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        using var http = new HttpClient(handler) { BaseAddress = server.ClientUrl };
        var cases = RecordedCase.ReadAll(Path.Combine(_folder, file));
        Assert.NotEmpty(cases);
        var wrong = new List<string>();
        foreach (var recorded in cases)
        {
            using var request = new HttpRequestMessage(new HttpMethod(recorded.Method), recorded.Path) { Content = new ByteArrayContent(recorded.Body) };
            using var response = await http.SendAsync(request);
            var answer = await RecordedCase.NormalAsync(response);
            if (answer != recorded.Expected)
                wrong.Add($"{recorded}\n  etcd: {recorded.Expected}\n  here: {answer}");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }
}
