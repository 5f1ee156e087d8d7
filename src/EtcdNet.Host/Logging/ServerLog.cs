using EtcdNet.Host.Configuration;
using EtcdNet.Host.Telemetry;
using Serilog;
using Serilog.Core;
using Serilog.Events;

namespace EtcdNet.Host.Logging;

/// <summary>The log of one server process. Disposing it closes the files.</summary>
public sealed class ServerLog : IDisposable
{
    private readonly Logger logger;

    private ServerLog(Logger logger, LoggingLevelSwitch level, OtlpQueue<LogEvent>? forwarded)
    {
        this.logger = logger;
        Level = level;
        Forwarded = forwarded;
    }

    /// <summary>The root logger; take <c>ForContext&lt;T&gt;()</c> of it so that lines have a caller.</summary>
    public ILogger Logger => logger;

    /// <summary>Least level that is written; may be changed at any time.</summary>
    public LoggingLevelSwitch Level { get; }

    /// <summary>Lines that wait to be sent to a collector; null when none are sent.</summary>
    internal OtlpQueue<LogEvent>? Forwarded { get; }

    /// <summary>Opens the outputs that <paramref name="options"/> name.</summary>
    /// <exception cref="IOException">A file cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be written.</exception>
    /// <exception cref="ConfigurationException">There is no journal.</exception>
    public static ServerLog Open(EtcdOptions options)
    {
        var forwarded = options.Telemetry.Logs ? new OtlpQueue<LogEvent>(LogEncoder.Service, new LogEncoder(OtlpText.ResourceOf(options.Telemetry)).Encode) : null;
        if (options.LogOutputs.Contains(Journal))
        {
            if (JournalSink.Missing(JournalSink.SocketPath) is { } reason)
                throw new ConfigurationException(reason);
            return Create(new JournalSink(JournalSink.SocketPath, options.LogFormat, Console.OpenStandardError()), options.LogLevel, forwarded);
        }

        var streams = new List<Stream>();
        foreach (var output in options.LogOutputs.Distinct(StringComparer.Ordinal))
        {
            streams.Add(output switch
            {
                "default" or "stderr" => Console.OpenStandardError(),
                "stdout" => Console.OpenStandardOutput(),
                _ => options.LogRotation is { } rotation ? new RotatingFile(output, rotation, TimeProvider.System) : OpenFile(output),
            });
        }
        return Create(new StreamSink(streams, options.LogFormat), options.LogLevel, forwarded);
    }

    /// <summary>True for an output that is a stream of the process; any other is the path of a file.</summary>
    public static bool IsStream(string output) => output is "default" or "stderr" or "stdout" or Journal;

    /// <summary>The output that is the systemd journal.</summary>
    public const string Journal = "systemd/journal";

    /// <summary>A log on <paramref name="stream"/>.</summary>
    public static ServerLog ToStream(Stream stream, LogFormat format, LogEventLevel level) =>
        Create(new StreamSink([stream], format), level);

    /// <summary>A log of JSON lines on a text writer.</summary>
    public static ServerLog ToWriter(TextWriter writer, LogEventLevel level) => Create(new TextWriterSink(writer), level);

    /// <inheritdoc/>
    public void Dispose() => logger.Dispose();

    private static ServerLog Create(ILogEventSink sink, LogEventLevel level, OtlpQueue<LogEvent>? forwarded = null)
    {
        var levelSwitch = new LoggingLevelSwitch(level);
        var configuration = new LoggerConfiguration().MinimumLevel.ControlledBy(levelSwitch).WriteTo.Sink(sink);
        if (forwarded is not null) configuration = configuration.WriteTo.Sink(new ForwardingSink(forwarded));
        return new ServerLog(configuration.CreateLogger(), levelSwitch, forwarded);
    }

    private static FileStream OpenFile(string path) =>
        new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

    private sealed class ForwardingSink(OtlpQueue<LogEvent> queue) : ILogEventSink
    {
        public void Emit(LogEvent logEvent) => queue.Add(logEvent);
    }
}
