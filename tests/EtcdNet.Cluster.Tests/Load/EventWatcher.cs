using System.Globalization;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Histories;
using EtcdNet.Testing.Processes;
using Google.Protobuf;

namespace EtcdNet.Cluster.Tests.Load;

/// <summary>
/// Watches all registers for as long as it lives, as a client library does: when its stream ends or falls silent it goes on at another
/// member, from the revision after the last event that it has.
/// </summary>
internal sealed class EventWatcher(string name, int firstTurn, Endpoints endpoints) : IAsyncDisposable
{
    private static readonly TimeSpan _silence = TimeSpan.FromSeconds(3);
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private int _turn = firstTurn;

    /// <summary>What it was told.</summary>
    public EventSequence Events { get; } = new(name);

    /// <summary>Begins.</summary>
    public void Start() => _running = RunAsync();

    /// <summary>Waits until it has seen a revision, and compares what it has been told.</summary>
    public async Task CatchUpAsync(long revision, IReadOnlyList<StoreEvent> truth)
    {
        await Deadline.UntilAsync(() => Task.FromResult(_running.IsCompleted || Events.Last >= revision), TimeSpan.FromSeconds(60), $"{name} at revision {revision}");
        if (_running.IsCompleted)
            await _running;
        Events.TakeAndCompare(revision, truth);
    }

    /// <summary>Reads all events of a span of revisions from one member; it must hold them and end with a register.</summary>
    public static async Task<List<StoreEvent>> ReadAsync(Uri member, long first, long last)
    {
        var all = new List<StoreEvent>();
        using var client = new EtcdClient(member);
        using var stream = client.Watch();
        stream.Send(Request(first));
        while (all.Count == 0 || all[^1].Revision < last)
        {
            WatchResponse answer = await stream.NextAsync(TimeSpan.FromSeconds(30));
            all.AddRange(EventsOf(answer).Where(change => change.Revision <= last));
            if (answer.Events.Any(change => change.Kv.ModRevision > last))
                break;
        }

        return all;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        try
        {
            await _running;
        }
        catch (HistoryException)
        {
            // Told by CatchUpAsync.
        }

        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(endpoints.Choose(_turn++));
            }
            catch (Exception error) when (CallFailure.IsBroken(error) || error is GrpcCallException)
            {
                await pause.WaitForNextTickAsync();
            }
        }
    }

    private async Task FollowAsync(Uri member)
    {
        using var client = new EtcdClient(member);
        using var stream = client.Watch();
        stream.Send(Request(Events.Last + 1));
        while (!_stop.IsCancellationRequested && await stream.ReadAsync(_silence) is { } answer)
        {
            if (answer.Canceled)
            {
                if (answer.CompactRevision != 0)
                    throw new HistoryException($"watcher {name} lost events to a compaction at {answer.CompactRevision}");
                return;
            }

            Events.Add(EventsOf(answer));
        }
    }

    private static WatchRequest Request(long first) => new()
    {
        CreateRequest = new WatchCreateRequest
        {
            Key = ByteString.CopyFromUtf8(Registers.Prefix), RangeEnd = ByteString.CopyFromUtf8("r0"), StartRevision = first,
        },
    };

    private static IEnumerable<StoreEvent> EventsOf(WatchResponse answer) => answer.Events.Select(static change => new StoreEvent(
        change.Kv.ModRevision,
        change.Kv.Key.ToStringUtf8(),
        change.Type == Protocol.Mvccpb.Event.Types.EventType.Delete ? 0 : long.Parse(change.Kv.Value.ToStringUtf8(), CultureInfo.InvariantCulture)));
}
