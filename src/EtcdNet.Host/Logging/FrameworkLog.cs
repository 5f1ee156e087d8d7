using Microsoft.Extensions.Logging;
using Serilog.Events;
using ILogger = Microsoft.Extensions.Logging.ILogger;

namespace EtcdNet.Host.Logging;

/// <summary>
/// Passes warnings and errors of the web server on to the log of the process. Its chatter about single connections is
/// dropped: a client that goes away in the middle of something is no event here.
/// </summary>
internal sealed class FrameworkLog(Serilog.ILogger log) : ILoggerFactory
{
    public void AddProvider(ILoggerProvider provider)
    {
        // There is one destination.
    }

    public ILogger CreateLogger(string categoryName) => new Category(log.ForContext(Serilog.Core.Constants.SourceContextPropertyName, categoryName));

    public void Dispose()
    {
        // The log outlives the web server.
    }

    private sealed class Category(Serilog.ILogger log) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning && log.IsEnabled(ToSerilog(logLevel));

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                log.ForContext("event", eventId.Name).Write(ToSerilog(logLevel), exception, "{Text:l}", formatter(state, exception));
        }

        private static LogEventLevel ToSerilog(LogLevel level) => level switch
        {
            LogLevel.Warning => LogEventLevel.Warning,
            // What the web server calls critical costs a connection. In our log, as in etcd's, "fatal" is the last word of a process.
            LogLevel.Error or LogLevel.Critical => LogEventLevel.Error,
            _ => LogEventLevel.Debug,
        };
    }
}
