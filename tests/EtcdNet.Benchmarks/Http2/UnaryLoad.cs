using System.Diagnostics;
using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Http2;

/// <summary>Unary calls of one method, each with a request of its own. The bytes of the answers are counted and thrown away.</summary>
/// <param name="server">Where to.</param>
/// <param name="path">The method.</param>
/// <param name="connections">Connections.</param>
/// <param name="streams">Calls under way on each connection.</param>
internal sealed class UnaryLoad(Uri server, string path, int connections, int streams)
{
    private int _next;
    private int _failed;
    private long _bytes;

    /// <summary>Bytes of all answers of the last run.</summary>
    public long Bytes => _bytes;

    /// <summary>Makes the calls 0…<paramref name="count"/>-1, or until a request is null, and waits for all answers.</summary>
    /// <returns>How long each call took, in milliseconds, ascending.</returns>
    /// <exception cref="InvalidOperationException">A call ended without an answer, so with an error.</exception>
    public async Task<double[]> RunAsync(int count, Func<int, IMessage?> request)
    {
        (_next, _failed, _bytes) = (0, 0, 0);
        var workers = new List<Worker>();
        try
        {
            for (int i = 0; i < connections; i++)
                workers.Add(new Worker(this, await LoadConnection.ConnectAsync(server, path), count, request));
            await Task.WhenAll(workers.Select(static worker => worker.RunAsync()));
        }
        finally
        {
            foreach (Worker worker in workers)
                worker.Dispose();
        }

        if (_failed > 0)
            throw new InvalidOperationException($"{_failed} of {count} calls of {path} failed");
        double[] took = [.. workers.SelectMany(static worker => worker.Milliseconds)];
        Array.Sort(took);
        return took;
    }

    private sealed class Worker(UnaryLoad load, LoadConnection connection, int count, Func<int, IMessage?> request) : IFrameSink, IDisposable
    {
        private readonly Dictionary<int, Call> _calls = [];

        public List<double> Milliseconds { get; } = [];

        public async Task RunAsync()
        {
            for (int i = 0; i < load.StreamsOf(count); i++)
                Next();
            while (_calls.Count > 0)
            {
                await connection.FlushAsync();
                if (!await connection.ReadAsync(this))
                    throw new InvalidOperationException("the server closed the connection");
            }
        }

        public void OnData(int stream, ReadOnlySpan<byte> bytes)
        {
            _calls[stream].Bytes += bytes.Length;
            Interlocked.Add(ref load._bytes, bytes.Length);
        }

        public void OnEnd(int stream)
        {
            if (!_calls.Remove(stream, out Call? call))
                return;
            Milliseconds.Add(Stopwatch.GetElapsedTime(call.Started).TotalMilliseconds);
            // An error has no body, only a status in the headers.
            if (call.Bytes == 0)
                Interlocked.Increment(ref load._failed);
            Next();
        }

        public void Dispose() => connection.Dispose();

        private void Next()
        {
            int number = Interlocked.Increment(ref load._next) - 1;
            if (number >= count || request(number) is not { } message)
                return;
            int stream = connection.Open();
            connection.Send(stream, GrpcFrames.Encode(message), last: true);
            _calls.Add(stream, new Call { Started = Stopwatch.GetTimestamp() });
        }
    }

    private int StreamsOf(int count) => Math.Min(streams, count);

    private sealed class Call
    {
        public required long Started { get; init; }

        public long Bytes { get; set; }
    }
}
