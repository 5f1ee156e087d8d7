using EtcdNet.Raft;
using Serilog;
using Serilog.Events;

namespace EtcdNet.Server.Consensus;

/// <summary>Writes the log lines of the Raft core to the log of the process.</summary>
internal sealed class RaftLogAdapter(ILogger log) : IRaftLogger
{
    private readonly ILogger _log = log.ForContext<RaftNode>();

    public bool IsEnabled(RaftLogLevel level) => _log.IsEnabled(ToSerilog(level));

    public void Write(RaftLogLevel level, string text) => _log.Write(ToSerilog(level), "{RaftMessage:l}", text);

    private static LogEventLevel ToSerilog(RaftLogLevel level) => level switch
    {
        // The core tells every step of an election, and with storage writes in flight something in nearly every batch.
        // What an operator needs of it, the loop says in its own words.
        RaftLogLevel.Debug or RaftLogLevel.Info => LogEventLevel.Debug,
        RaftLogLevel.Warn => LogEventLevel.Warning,
        _ => LogEventLevel.Error,
    };
}
