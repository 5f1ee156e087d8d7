namespace EtcdNet.Server.Consensus;

/// <summary>Work that only the writer of the state machine may do, done by the applier between batches.</summary>
internal interface IHousekeeping
{
    /// <summary>There is a slice to do right away.</summary>
    bool HasWork { get; }

    /// <summary>How long to wait at most before <see cref="Step"/> is called again although nothing came in.</summary>
    TimeSpan Interval { get; }

    /// <summary>One slice of at most a few milliseconds. False when there was nothing to do.</summary>
    bool Step();

    /// <summary>The last call, when the member stops in peace.</summary>
    void Finish();
}
