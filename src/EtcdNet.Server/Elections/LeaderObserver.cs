using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Protocol.Mvccpb;
using EtcdNet.Protocol.V3electionpb;
using EtcdNet.Server.Locking;
using EtcdNet.Server.Services;
using Google.Protobuf;

namespace EtcdNet.Server.Elections;

/// <summary>One Observe call: follows the key in front of an election, and the next one when it is gone.</summary>
internal sealed class LeaderObserver(WaitingLine line, IResponseStream<LeaderResponse> responses, CallContext call)
{
    private (ByteString Key, long Revision) _told = (ByteString.Empty, 0);

    /// <summary>Runs until the caller leaves or a call underneath fails.</summary>
    public async Task RunAsync(ByteString name)
    {
        while (true)
        {
            RangeResponse first = await line.FirstAsync(name, call).ConfigureAwait(false);
            (ResponseHeader header, KeyValue? leader) = (first.Header, first.Kvs is [{ } found] ? found : null);
            if (leader is null)
            {
                (header, leader) = await FirstPutAsync(name, header).ConfigureAwait(false);
                if (leader is null)
                    continue;
            }
            await TellAsync(header, leader).ConfigureAwait(false);
            await FollowAsync(leader.Key, header.Revision + 1).ConfigureAwait(false);
        }
    }

    /// <summary>Nobody stands: the first to do so leads. Nothing when a compaction came in between.</summary>
    private async ValueTask<(ResponseHeader Header, KeyValue? Leader)> FirstPutAsync(ByteString name, ResponseHeader empty)
    {
        LocalWatch watch = line.WatchAll(name, empty.Revision + 1, call);
        await using (watch.ConfigureAwait(false))
        {
            while (await watch.NextAsync(call.Cancellation).ConfigureAwait(false) is { } response)
            {
                foreach (Event change in response.Events)
                {
                    if (change.Type != Event.Types.EventType.Put)
                        continue;
                    // Others may have come after it in the same response.
                    response.Header.Revision = change.Kv.ModRevision;
                    return (response.Header, change.Kv);
                }
            }
            return (empty, null);
        }
    }

    /// <summary>Tells every value of a leader until its key is gone or a compaction has overtaken the watch.</summary>
    private async ValueTask FollowAsync(ByteString key, long revision)
    {
        LocalWatch watch = line.Watch(key, revision, call);
        await using (watch.ConfigureAwait(false))
        {
            while (await watch.NextAsync(call.Cancellation).ConfigureAwait(false) is { } response)
            {
                foreach (Event change in response.Events)
                {
                    if (change.Type == Event.Types.EventType.Delete)
                        return;
                    await TellAsync(response.Header, change.Kv).ConfigureAwait(false);
                }
            }
        }
    }

    private async ValueTask TellAsync(ResponseHeader header, KeyValue leader)
    {
        // After a compaction the same value may be found again.
        if (leader.Key == _told.Key && leader.ModRevision <= _told.Revision)
            return;
        _told = (leader.Key, leader.ModRevision);
        await responses.WriteAsync(new LeaderResponse { Header = header, Kv = leader }, call.Cancellation).ConfigureAwait(false);
    }
}
