namespace EtcdNet.Conformance.Differential;

/// <summary>What is known of the store behind both servers; requests are made to fit.</summary>
internal sealed class StoreState
{
    /// <summary>The revision after the last answer.</summary>
    public long Revision { get; set; } = 1;

    /// <summary>The last compacted revision.</summary>
    public long Compacted { get; set; }
}
