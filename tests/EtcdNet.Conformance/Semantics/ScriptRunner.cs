using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Protocol.V3lockpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Conformance.Semantics;

/// <summary>
/// Plays a script to a server and compares every answer, field by field. Only the ids and the term in the header of an answer differ from server to
/// server: they must be set, and are not compared.
/// </summary>
internal sealed class ScriptRunner(ServerProcess server) : IDisposable
{
    private static readonly Dictionary<string, MethodDescriptor> _methods =
        new[] { RpcReflection.Descriptor, V3LockReflection.Descriptor, V3ElectionReflection.Descriptor }
            .SelectMany(file => file.Services).SelectMany(s => s.Methods).ToDictionary(m => m.Name);

    private readonly GrpcTestClient _client = new(server.ClientUrl);
    private readonly Dictionary<string, (MethodDescriptor Method, GrpcByteStream Stream)> _streams = [];
    private readonly Dictionary<string, string> _tokens = [];
    private Dictionary<string, string>? _headers;

    /// <summary>Plays all lines, and then fails with all differences found, each with file and line.</summary>
    public async Task RunAsync(string file)
    {
        var lines = ScriptLine.Parse(await File.ReadAllTextAsync(file), server.Target.Version);
        var differences = new List<string>();
        for (var i = 0; i < lines.Count; i++)
        {
            var line = lines[i];
            try
            {
                // The answer of a call is the line behind it.
                if (line.Action == ScriptAction.Call)
                    await CallAsync(line, lines[++i]);
                else if (line.Action is ScriptAction.Login or ScriptAction.Token or ScriptAction.As)
                    await IdentifyAsync(line);
                else
                    await StreamAsync(line);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                differences.Add($"{Path.GetFileName(file)}:{line.Number}: {line.Name} {line.Text}\n{e.Message}");
            }
        }

        Assert.True(differences.Count == 0, string.Join("\n\n", differences));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, stream) in _streams.Values)
            stream.Dispose();
        _client.Dispose();
    }

    private async Task CallAsync(ScriptLine call, ScriptLine expected)
    {
        var method = _methods[call.Name];
        var request = ReadableJson.Parse(call.Text, method.InputType);
        var reply = await _client.CallBytesAsync(PathOf(method), GrpcFrames.Encode(request), _headers);
        if (expected.Action == ScriptAction.Error)
        {
            Same(expected.Text, reply.Status == GrpcStatus.OK ? Readable(method.OutputType, reply.Value!) : $"{(int)reply.Status} {reply.Message}");
            return;
        }

        Assert.Equal(ScriptAction.Answer, expected.Action);
        Assert.True(reply.Status == GrpcStatus.OK, $"expected {expected.Text}, got {(int)reply.Status} {reply.Message}");
        Compare(expected.Text, method.OutputType, reply.Value!);
    }

    private async Task IdentifyAsync(ScriptLine line)
    {
        // For these lines the name is the name of the token.
        var token = line.Text;
        if (line.Action == ScriptAction.Login)
        {
            var parts = line.Text.Split(' ');
            var request = new AuthenticateRequest { Name = parts[0], Password = parts[1] };
            var reply = await _client.CallAsync<AuthenticateResponse>("/etcdserverpb.Auth/Authenticate", request);
            Assert.True(reply.Status == GrpcStatus.OK, $"{(int)reply.Status} {reply.Message}");
            token = reply.Value!.Token;
        }

        if (line.Action == ScriptAction.As)
            _headers = line.Name.Length == 0 ? null : new() { ["token"] = _tokens[line.Name] };
        else
            _tokens[line.Name] = token;
    }

    private async Task StreamAsync(ScriptLine line)
    {
        if (line.Action == ScriptAction.Open)
        {
            var opened = _methods[line.Text];
            _streams.Add(line.Name, (opened, _client.OpenBytes(PathOf(opened), _headers)));
            return;
        }

        var (method, stream) = _streams[line.Name];
        switch (line.Action)
        {
            case ScriptAction.Send:
                stream.Send(GrpcFrames.Encode(ReadableJson.Parse(line.Text, method.InputType)));
                break;
            case ScriptAction.Receive:
                var answer = await stream.ReadAsync();
                Assert.True(answer is not null, $"the stream ended with {stream.End}");
                Compare(line.Text, method.OutputType, answer);
                break;
            case ScriptAction.HalfClose:
                stream.CompleteRequests();
                break;
            case ScriptAction.Close:
                stream.Dispose();
                break;
            case ScriptAction.End:
                var more = await stream.ReadAsync();
                Assert.True(more is null, "the stream did not end");
                Same(line.Text, $"{(int)stream.End!.Value.Status} {stream.End.Value.Message}".TrimEnd());
                break;
            default:
                throw new FormatException($"no call stands before this {line.Action}");
        }
    }

    private static void Compare(string expected, MessageDescriptor type, byte[] actual) =>
        Same(ReadableJson.Format(ReadableJson.Parse(expected, type)), Readable(type, actual));

    private static string Readable(MessageDescriptor type, byte[] answer)
    {
        var message = type.Parser.ParseFrom(answer);
        // The answers of Defragment carry none.
        if (type.Name == nameof(DefragmentResponse))
            return ReadableJson.Format(message);
        // A token is another one each time.
        if (message is AuthenticateResponse { Token.Length: > 0 } authenticated)
            authenticated.Token = "";
        var header = type.FindFieldByName("header")?.Accessor.GetValue(message) as ResponseHeader;
        Assert.NotNull(header);
        Assert.NotEqual(0ul, header.ClusterId);
        Assert.NotEqual(0ul, header.MemberId);
        Assert.NotEqual(0ul, header.RaftTerm);
        (header.ClusterId, header.MemberId, header.RaftTerm) = (0, 0, 0);
        return ReadableJson.Format(message);
    }

    // Assert.Equal would cut the texts.
    private static void Same(string expected, string actual) =>
        Assert.True(expected == actual, $"  expected: {expected}\n  answered: {actual}");

    private static string PathOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";
}
