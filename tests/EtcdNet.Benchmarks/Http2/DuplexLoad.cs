using EtcdNet.Testing.Clients;
using Google.Protobuf;

namespace EtcdNet.Benchmarks.Http2;

/// <summary>Many streams of one duplex method. Requests are answered by one message each; besides, events may come at any time.</summary>
internal sealed class DuplexLoad : IAsyncDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(10);
    private readonly List<Connection> _connections = [];
    private readonly AnswerReader _read;
    private readonly int _streams;
    private Asking? _asking;
    private Expectation? _expectation;
    private long _events;

    private DuplexLoad(int streams, AnswerReader read)
    {
        _streams = streams;
        _read = read;
    }

    /// <summary>Looks at a message: is it the answer to a request, and how many events are in it?</summary>
    public delegate (bool IsAnswer, int Events) AnswerReader(ReadOnlySpan<byte> message);

    /// <summary>Events that have come so far.</summary>
    public long Events => Interlocked.Read(ref _events);

    /// <summary>Connects and opens all streams.</summary>
    public static async Task<DuplexLoad> OpenAsync(Uri server, string path, int connections, int streams, AnswerReader read)
    {
        var load = new DuplexLoad(streams, read);
        for (int i = 0; i < connections; i++)
            load._connections.Add(new Connection(load, await LoadConnection.ConnectAsync(server, path)));
        foreach (Connection connection in load._connections)
            await connection.OpenAsync(streams);
        return load;
    }

    /// <summary>
    /// Sends requests, spread evenly over the streams (number i goes to stream i modulo their number), and waits for as many answers.
    /// </summary>
    public async Task AskAsync(int count, Func<int, IMessage> request, int inFlightPerConnection)
    {
        var asking = new Asking(count, request);
        _asking = asking;
        foreach (Connection connection in _connections)
            await connection.BeginAsync(asking, inFlightPerConnection);
        await WaitAsync(() => asking.Answers >= count);
    }

    /// <summary>Waits until that many events have come.</summary>
    /// <exception cref="InvalidOperationException">More came.</exception>
    public async Task UntilEventsAsync(long events)
    {
        await WaitAsync(() => Events >= events);
        if (Events > events)
            throw new InvalidOperationException($"{Events} events instead of {events}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (Connection connection in _connections)
            await connection.DisposeAsync();
    }

    private async Task WaitAsync(Func<bool> done)
    {
        var expectation = new Expectation(done);
        Volatile.Write(ref _expectation, expectation);
        Check();
        if (_connections.FirstOrDefault(static connection => connection.Ended.IsFaulted) is { } failed)
            await failed.Ended;
        await expectation.Met.Task.WaitAsync(_limit);
    }

    private void Check()
    {
        if (Volatile.Read(ref _expectation) is { } expectation && expectation.Done())
            expectation.Met.TrySetResult();
    }

    private sealed record Expectation(Func<bool> Done)
    {
        public TaskCompletionSource Met { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    private sealed class Asking(int count, Func<int, IMessage> request)
    {
        public int Answers;

        public int Count { get; } = count;

        public Func<int, IMessage> Request { get; } = request;
    }

    private sealed class Connection : IFrameSink, IAsyncDisposable
    {
        private readonly DuplexLoad _load;
        private readonly LoadConnection _connection;
        private readonly Dictionary<int, MessageReader> _readers = [];
        private readonly MessageReader.Handler _handler;
        private readonly List<int> _ids = [];
        private readonly int _place;
        private long _next;
        private bool _disposed;

        public Connection(DuplexLoad load, LoadConnection connection)
        {
            _load = load;
            _connection = connection;
            _place = load._connections.Count;
            _handler = OnMessage;
            Ended = Task.CompletedTask;
        }

        public Task Ended { get; private set; }

        public async Task OpenAsync(int streams)
        {
            for (int i = 0; i < streams; i++)
            {
                _ids.Add(_connection.Open());
                _readers.Add(_ids[^1], new MessageReader());
            }

            await _connection.FlushAsync();
            Ended = PumpAsync();
        }

        public Task BeginAsync(Asking asking, int inFlight)
        {
            Volatile.Write(ref _next, 0);
            for (int i = 0; i < inFlight; i++)
                SendNext(asking);
            return _connection.FlushAsync();
        }

        public void OnData(int stream, ReadOnlySpan<byte> bytes) => _readers[stream].Add(bytes, _handler);

        public void OnEnd(int stream) => throw new InvalidOperationException("the server ended a stream");

        public async ValueTask DisposeAsync()
        {
            _disposed = true;
            _connection.Dispose();
            await Ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        private async Task PumpAsync()
        {
            await Task.Yield();
            try
            {
                while (await _connection.ReadAsync(this))
                {
                    await _connection.FlushAsync();
                    _load.Check();
                }

                throw new InvalidOperationException("the server closed the connection");
            }
            catch (Exception failed)
            {
                if (!_disposed)
                    _load._expectation?.Met.TrySetException(failed);
                throw;
            }
        }

        private void OnMessage(ReadOnlySpan<byte> message)
        {
            (bool isAnswer, int events) = _load._read(message);
            if (events > 0)
                Interlocked.Add(ref _load._events, events);
            if (!isAnswer || _load._asking is not { } asking)
                return;
            Interlocked.Increment(ref asking.Answers);
            SendNext(asking);
        }

        /// <summary>The n-th request of this connection goes to its n-th stream, modulo.</summary>
        private void SendNext(Asking asking)
        {
            long turn = Interlocked.Increment(ref _next) - 1;
            (long round, long stream) = Math.DivRem(turn, _load._streams);
            long number = (((round * _load._connections.Count) + _place) * _load._streams) + stream;
            if (number < asking.Count)
                _connection.Send(_ids[(int)stream], GrpcFrames.Encode(asking.Request((int)number)), last: false);
        }
    }
}
