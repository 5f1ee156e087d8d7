using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Errors;
using Serilog;

namespace EtcdNet.Server.Services;

/// <summary>The state of this member as a database file, for clients that save it. Any number at a time.</summary>
internal sealed class DatabaseSnapshots(StateMachine.StateMachine machine, Func<Action, bool> runOnApplier, TimeProvider time, ILogger log)
{
    private readonly ILogger _log = log.ForContext<DatabaseSnapshots>();

    /// <summary>Told how long the state was pinned for each, also for one that was cut; any thread.</summary>
    public Action<TimeSpan> Sent { get; set; } = static _ => { };

    /// <summary>Sends one.</summary>
    /// <exception cref="EtcdException">Stopped; Compacted when the client is too slow.</exception>
    public async Task SendAsync(IResponseStream<SnapshotResponse> responses, CancellationToken cancellation)
    {
        PinnedState state = await PinAsync(cancellation).ConfigureAwait(false);
        long started = time.GetTimestamp();
        using (var streamer = new SnapshotStreamer(state, responses, time, _log))
        {
            try
            {
                await streamer.RunAsync(cancellation).ConfigureAwait(false);
            }
            finally
            {
                Sent(time.GetElapsedTime(started));
            }
        }
    }

    private async Task<PinnedState> PinAsync(CancellationToken cancellation)
    {
        var pinned = new TaskCompletionSource<PinnedState>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!runOnApplier(() => pinned.SetResult(machine.Pin())))
            throw EtcdError.Stopped.ToException();
        try
        {
            return await pinned.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // It is pinned all the same, now or in a moment.
            _ = pinned.Task.ContinueWith(static task => task.Result.Dispose(), TaskScheduler.Default);
            throw;
        }
    }
}
