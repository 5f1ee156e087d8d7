using System.Runtime.CompilerServices;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Peer.Tests.Support;

/// <summary>Waiting for something that normally happens at once.</summary>
internal static class Wait
{
    /// <summary>Far more than a loaded machine needs.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public static Task UntilAsync(Func<bool> condition, [CallerArgumentExpression(nameof(condition))] string awaited = "") =>
        Deadline.UntilAsync(() => Task.FromResult(condition()), Limit, awaited);
}
