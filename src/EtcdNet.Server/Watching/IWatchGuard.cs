using EtcdNet.Server.Services;
using EtcdNet.StateMachine.Watch;

namespace EtcdNet.Server.Watching;

/// <summary>
/// Decides whether a caller may watch a range. Asked once, when the watcher is created; a token that expires later does not
/// stop the watcher (surface rule 27).
/// </summary>
public interface IWatchGuard
{
    /// <summary>Returns when the caller may read every key of the range, those that do not exist yet included.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">It may not; the watcher is refused with this error as its reason.</exception>
    ValueTask CheckAsync(CallContext context, WatchRange range);
}
