using EtcdNet.Host.Configuration;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace EtcdNet.Host.Logging;

/// <summary>The log of one server process. Disposing it closes the files.</summary>
public sealed class ServerLog : IDisposable
{
    private readonly Logger logger;

    private ServerLog(Logger logger, LoggingLevelSwitch level)
    {
        this.logger = logger;
        Level = level;
    }

    /// <summary>The root logger; take <c>ForContext&lt;T&gt;()</c> of it so that lines have a caller.</summary>
    public ILogger Logger => logger;

    /// <summary>Least level that is written; may be changed at any time.</summary>
    public LoggingLevelSwitch Level { get; }

    /// <summary>Opens the outputs that <paramref name="options"/> name.</summary>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be written.</exception>
    public static ServerLog Open(EtcdOptions options)
    {
        var streams = new List<Stream>();
        foreach (var output in options.LogOutputs.Distinct(StringComparer.Ordinal))
        {
            streams.Add(output switch
            {
                "default" or "stderr" => Console.OpenStandardError(),
                "stdout" => Console.OpenStandardOutput(),
                _ => OpenFile(output),
            });
        }
        return Create(new StreamSink(streams, options.LogFormat), options.LogLevel);
    }

    /// <summary>A log on <paramref name="stream"/>.</summary>
    public static ServerLog ToStream(Stream stream, LogFormat format, LogEventLevel level) =>
        Create(new StreamSink([stream], format), level);

    /// <summary>A log of JSON lines on a text writer.</summary>
    public static ServerLog ToWriter(TextWriter writer, LogEventLevel level) => Create(new TextWriterSink(writer), level);

    /// <inheritdoc/>
    public void Dispose() => logger.Dispose();

    private static ServerLog Create(ILogEventSink sink, LogEventLevel level)
    {
        var levelSwitch = new LoggingLevelSwitch(level);
        return new ServerLog(new LoggerConfiguration().MinimumLevel.ControlledBy(levelSwitch).WriteTo.Sink(sink).CreateLogger(), levelSwitch);
    }

    private static FileStream OpenFile(string path) =>
        new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
}
