namespace EtcdNet.Simulation;

/// <summary>A promise was broken, or a member met an error that it must never meet.</summary>
internal sealed class SimulationFailure(string what) : Exception(what);
