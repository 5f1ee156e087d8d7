using EtcdNet.Protocol.Etcdserverpb;
using Google.Protobuf;

namespace EtcdNet.Model.Script;

/// <summary>What a step does.</summary>
public enum StepKind
{
    /// <summary>An entry of the log: <see cref="InternalRaftRequest"/>.</summary>
    Write,

    /// <summary>From here on so many entries at a time reach the log and the state machine of the durable replica.</summary>
    Group,

    /// <summary>A <see cref="RangeRequest"/>.</summary>
    Read,

    /// <summary>A <see cref="TxnRequest"/> that only reads.</summary>
    ReadTxn,

    /// <summary>A <see cref="WatchCreateRequest"/>; its id is the client's choice.</summary>
    Watch,

    /// <summary>Cancels the watcher of an id.</summary>
    CancelWatch,

    /// <summary>Waits until the watchers have seen everything, and compares.</summary>
    CheckWatchers,

    /// <summary>A slice of the compactor: so many keys.</summary>
    Prune,

    /// <summary>A slice of taking back space: so many KiB.</summary>
    Collect,

    /// <summary>Begins a checkpoint; 1: waits for it too.</summary>
    Checkpoint,

    /// <summary>Stops in good order and starts again.</summary>
    Restart,

    /// <summary>Loses power and starts again; the number seeds what of the unsynced sectors is lost.</summary>
    PowerCut,

    /// <summary>Compares everything at a revision: all pairs, the history behind it, hashes, leases, sizes.</summary>
    Compare,
}

/// <summary>One step of a script. It makes sense after any other steps, so a script can be made shorter.</summary>
/// <param name="Kind">What is done.</param>
/// <param name="Request">With what, where the kind needs it. Not to be changed.</param>
/// <param name="Number">See <see cref="StepKind"/>.</param>
public sealed record Step(StepKind Kind, IMessage? Request = null, long Number = 0)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        if (Request is not null)
            return $"{Kind} {Text.Of(Request)}";
        if (!Relative.IsRelative(Number, out long offset))
            return $"{Kind} {Number}";
        return offset == 0 ? $"{Kind} now" : $"{Kind} now{offset:+0;-0}";
    }
}
