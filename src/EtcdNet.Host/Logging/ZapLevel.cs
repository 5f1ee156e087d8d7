using Serilog.Events;

namespace EtcdNet.Host.Logging;

/// <summary>Levels by the names that etcd uses.</summary>
public static class ZapLevel
{
    /// <summary>Reads <c>debug</c>, <c>info</c>, <c>warn</c>, <c>error</c>, <c>panic</c> or <c>fatal</c>.</summary>
    public static bool TryParse(string text, out LogEventLevel level)
    {
        (var known, level) = text switch
        {
            "debug" or "DEBUG" => (true, LogEventLevel.Debug),
            "info" or "INFO" => (true, LogEventLevel.Information),
            "warn" or "WARN" => (true, LogEventLevel.Warning),
            "error" or "ERROR" => (true, LogEventLevel.Error),
            "panic" or "PANIC" or "fatal" or "FATAL" => (true, LogEventLevel.Fatal),
            _ => (false, LogEventLevel.Information),
        };
        return known;
    }

    /// <summary>The name of <paramref name="level"/>.</summary>
    public static string Name(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => "debug",
        LogEventLevel.Information => "info",
        LogEventLevel.Warning => "warn",
        LogEventLevel.Error => "error",
        _ => "fatal",
    };
}
