namespace EtcdNet.Host.Telemetry;

/// <summary>What became of something sent to the collector.</summary>
internal enum OtlpOutcome
{
    /// <summary>The collector has it.</summary>
    Taken,

    /// <summary>The collector was not there or could not take it now.</summary>
    TryAgain,

    /// <summary>The collector will never take it, or not all of it.</summary>
    Refused,
}
