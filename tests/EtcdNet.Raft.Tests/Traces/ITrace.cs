namespace EtcdNet.Raft.Tests.Traces;

/// <summary>Executes the commands of one kind of trace, keeping state between them.</summary>
internal interface ITrace
{
    /// <summary>Runs a command and returns what it prints.</summary>
    string Run(TraceBlock block);
}

/// <summary>A command failed; its text is part of the trace.</summary>
internal sealed class TraceErrorException(string message) : Exception(message);
