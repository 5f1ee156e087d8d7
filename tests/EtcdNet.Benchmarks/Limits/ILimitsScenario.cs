namespace EtcdNet.Benchmarks.Limits;

/// <summary>Something of which there is very much.</summary>
internal interface ILimitsScenario
{
    /// <summary>The word on the command line.</summary>
    string Word { get; }

    /// <summary>The line above the table.</summary>
    string Title { get; }

    /// <summary>Plays the scenario to a server that is empty and idle.</summary>
    Task RunAsync(LimitsRun run);
}
