namespace EtcdNet.Raft;

/// <summary>Weight of a log line, ascending.</summary>
public enum RaftLogLevel
{
    /// <summary>Details of replication.</summary>
    Debug = 0,

    /// <summary>Elections, configurations, snapshots.</summary>
    Info,

    /// <summary>Something was refused that should not have been asked.</summary>
    Warn,

    /// <summary>A message that makes no sense.</summary>
    Error,
}

/// <summary>Receives the core's log lines on the thread that owns the node. Must not call back into it.</summary>
public interface IRaftLogger
{
    /// <summary>False lets the core skip building the text.</summary>
    bool IsEnabled(RaftLogLevel level);

    /// <summary>Takes one line without line break.</summary>
    void Write(RaftLogLevel level, string text);
}
