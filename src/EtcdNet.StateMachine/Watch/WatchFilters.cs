namespace EtcdNet.StateMachine.Watch;

/// <summary>Kinds of events a watcher does not want (WatchCreateRequest.FilterType as flags).</summary>
[Flags]
public enum WatchFilters
{
    /// <summary>Everything is wanted.</summary>
    None = 0,

    /// <summary>NOPUT: puts are left out.</summary>
    NoPut = 1,

    /// <summary>NODELETE: deletes are left out.</summary>
    NoDelete = 2,
}
