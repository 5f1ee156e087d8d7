using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Errors;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// One Watch call: reads requests and turns them into calls of the hub, while a <see cref="WatchSessionWriter"/> writes what
/// comes out. The two never wait for each other, except that requests are read no further while thousands of answers wait.
/// </summary>
internal sealed class WatchSession(
    WatchHub hub, IHeaderSource headers, IWatchGuard? guard, TimeProvider time, CallContext context) : IDisposable
{
    /// <summary>What an answer that belongs to no watcher carries as its id.</summary>
    private const long NoWatcher = -1;

    private readonly WatchStream _stream = hub.OpenStream();
    private readonly Lock _timerGate = new();
    private ITimer? _progressTimer;

    /// <summary>Runs until cancelled or until one of the two directions fails. The client's half-close is no end.</summary>
    public async Task RunAsync(
        IRequestStream<WatchRequest> requests, WatchResponseWriter output, CancellationTokenSource ended)
    {
        using CancellationTokenRegistration wake = ended.Token.Register(_stream.Wake);
        Task writing = EndWhenFailed(new WatchSessionWriter(hub, _stream, headers, output).RunAsync(ended.Token), ended);
        Task reading = EndWhenFailed(ReadAsync(requests, ended.Token), ended);
        Task first = await Task.WhenAny(writing, reading);
        if (first.IsCompletedSuccessfully)
            first = writing; // half-close: events go on
        await Task.WhenAll(writing, reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first; // the first failure is the reason, the other one follows from it
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_timerGate)
        {
            _progressTimer?.Dispose();
            _progressTimer = null;
        }
        hub.Close(_stream);
    }

    private static async Task EndWhenFailed(Task task, CancellationTokenSource ended)
    {
        try
        {
            await task;
        }
        catch
        {
            await ended.CancelAsync();
            throw;
        }
    }

    private async Task ReadAsync(IRequestStream<WatchRequest> requests, CancellationToken cancellation)
    {
        while (await requests.ReadAsync(cancellation) is { } request)
        {
            await _stream.WaitForRoomAsync(cancellation);
            switch (request.RequestUnionCase)
            {
                case WatchRequest.RequestUnionOneofCase.CreateRequest:
                    await CreateAsync(request.CreateRequest);
                    break;
                case WatchRequest.RequestUnionOneofCase.CancelRequest:
                    Cancel(request.CancelRequest.WatchId);
                    break;
                case WatchRequest.RequestUnionOneofCase.ProgressRequest:
                    hub.Progress(_stream, Progress);
                    break;
                case WatchRequest.RequestUnionOneofCase.None:
                    break; // nothing asked, nothing answered, as etcd
            }
        }
    }

    private async ValueTask CreateAsync(WatchCreateRequest request)
    {
        WatchRequested wanted = Read(request);
        string? refusal = await RefusalAsync(wanted);
        refusal ??= hub.Create(_stream, wanted, Created);
        if (refusal is not null)
        {
            WatchResponse answer = Answer(NoWatcher, hub.CurrentRevision);
            answer.Created = true;
            answer.Canceled = true;
            answer.CancelReason = refusal;
            _stream.Enqueue(answer);
        }
        else if (wanted.ProgressNotify)
        {
            StartProgressTimer();
        }
    }

    /// <summary>Why a watcher cannot be; the reasons in etcd's order.</summary>
    private async ValueTask<string?> RefusalAsync(WatchRequested wanted)
    {
        if (wanted.StartRevision < 0)
            return EtcdError.Compacted.Message;
        if (guard is not null)
        {
            try
            {
                await guard.CheckAsync(context, wanted.Range);
            }
            catch (EtcdException refused) when (refused.Code != Protocol.GrpcStatus.Unavailable)
            {
                if (refused.Message != EtcdError.InvalidAuthToken.Message && refused.Message != EtcdError.AuthOldRevision.Message && refused.Message != EtcdError.UserEmpty.Message)
                    refused = EtcdError.PermissionDenied.ToException();
                return $"rpc error: code = {refused.Code} desc = {refused.Message}"; // a Go status error as text
            }
        }
        return wanted.Range.IsEmpty ? "mvcc: watcher range is empty" : null;
    }

    private static WatchRequested Read(WatchCreateRequest request)
    {
        var filters = WatchFilters.None;
        foreach (WatchCreateRequest.Types.FilterType filter in request.Filters)
        {
            filters |= filter switch
            {
                WatchCreateRequest.Types.FilterType.Noput => WatchFilters.NoPut,
                WatchCreateRequest.Types.FilterType.Nodelete => WatchFilters.NoDelete,
                _ => WatchFilters.None,
            };
        }
        return new WatchRequested(new WatchRange(request.Key.Memory, request.RangeEnd.Memory))
        {
            Filters = filters,
            Id = request.WatchId,
            StartRevision = request.StartRevision,
            PreviousPair = request.PrevKv,
            Fragment = request.Fragment,
            ProgressNotify = request.ProgressNotify,
        };
    }

    private void Cancel(long id)
    {
        hub.Cancel(_stream, id, revision =>
        {
            WatchResponse answer = Answer(id, revision);
            answer.Canceled = true;
            return answer;
        });
    }

    private void StartProgressTimer()
    {
        lock (_timerGate)
        {
            if (_progressTimer is not null)
                return;
            // The share of chance keeps thousands of streams that were opened together from being told together.
            TimeSpan period = hub.Options.ProgressInterval * (1 + 0.1 * Random.Shared.NextDouble());
            _progressTimer = time.CreateTimer(_ => hub.IdleProgress(_stream, IdleProgress), null, period, period);
        }
    }

    private WatchResponse Created(HubWatcher watcher, long revision)
    {
        WatchResponse answer = Answer(watcher.Id, revision);
        answer.Created = true;
        return answer;
    }

    private WatchResponse IdleProgress(HubWatcher watcher, long revision) => Answer(watcher.Id, revision);

    private WatchResponse Progress(long revision) => Answer(NoWatcher, revision);

    private WatchResponse Answer(long id, long revision) => new() { Header = headers.Header(revision), WatchId = id };
}
