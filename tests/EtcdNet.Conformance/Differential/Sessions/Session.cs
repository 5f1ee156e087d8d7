using System.Text;
using Google.Protobuf;

namespace EtcdNet.Conformance.Differential.Sessions;

/// <summary>What one client is busy with for a while. Sessions of several clients take turns step by step.</summary>
/// <param name="world">Both servers.</param>
/// <param name="client">The number of the client.</param>
internal abstract class Session(World world, int client) : IDisposable
{
    /// <summary>Both servers.</summary>
    protected World World { get; } = world;

    /// <summary>The number of the client.</summary>
    protected int Client { get; } = client;

    /// <summary>The one source of chance.</summary>
    protected Random Random => World.Random;

    /// <summary>The revision from which the servers may still have to read for this session; a compaction has to stay below.</summary>
    public virtual long OldestRead => long.MaxValue;

    /// <summary>Whether it has put both servers into a state in which the other sessions cannot be ended.</summary>
    public virtual bool IsHolding => false;

    /// <summary>Before the first step.</summary>
    public virtual Task StartAsync() => Task.CompletedTask;

    /// <summary>The next request, or a few that belong together.</summary>
    public abstract Task StepAsync();

    /// <summary>The store has a new revision: whatever follows from it is awaited and compared.</summary>
    public virtual Task MovedAsync() => Task.CompletedTask;

    /// <summary>A compaction comes.</summary>
    public virtual Task CompactingAsync(long revision) => Task.CompletedTask;

    /// <summary>After the last step: what was begun is ended.</summary>
    public virtual Task EndAsync() => Task.CompletedTask;

    /// <inheritdoc/>
    public virtual void Dispose() => GC.SuppressFinalize(this);

    /// <summary>A unary call to both.</summary>
    protected Task<Outcome> CallAsync(string rpc, IMessage request, IReadOnlyDictionary<string, string>? headers = null) =>
        World.CallAsync(Client, rpc, request, headers);

    /// <summary>One of these.</summary>
    protected T OneOf<T>(params ReadOnlySpan<T> choices) => choices[Random.Next(choices.Length)];

    /// <summary>Bytes of a text, one a character.</summary>
    protected static ByteString Bytes(string text) => ByteString.CopyFrom(text, Encoding.Latin1);
}
