using EtcdNet.Host.Logging;
using EtcdNet.Protocol.Otlp;
using Google.Protobuf;
using Serilog.Events;

namespace EtcdNet.Host.Telemetry;

/// <summary>Lines of the log as OTLP records: the same message and the same fields by the same names.</summary>
internal sealed class LogEncoder(Resource resource)
{
    /// <summary>Path of the collector's method.</summary>
    public const string Service = "opentelemetry.proto.collector.logs.v1.LogsService/Export";

    /// <summary>One request with all of them.</summary>
    public IMessage Encode(IReadOnlyList<LogEvent> entries)
    {
        var scope = new ScopeLogs { Scope = OtlpText.Scope };
        ulong now = OtlpText.Nanoseconds(DateTime.UtcNow);
        foreach (LogEvent entry in entries)
            scope.LogRecords.Add(Encode(entry, now));
        return new ExportLogsServiceRequest { ResourceLogs = { new ResourceLogs { Resource = resource, ScopeLogs = { scope } } } };
    }

    private static LogRecord Encode(LogEvent entry, ulong now)
    {
        var record = new LogRecord
        {
            TimeUnixNano = OtlpText.Nanoseconds(entry.Timestamp.UtcDateTime),
            ObservedTimeUnixNano = now,
            SeverityNumber = Severity(entry.Level),
            SeverityText = ZapLevel.Name(entry.Level),
            Body = OtlpText.Value(ZapFormatter.Message(entry)),
        };
        if (ZapFormatter.Caller(entry) is { } caller)
            record.Attributes.Add(OtlpText.Attribute("caller", caller));
        foreach ((string name, LogEventPropertyValue value) in ZapFormatter.Fields(entry))
            record.Attributes.Add(new KeyValue { Key = name, Value = Value(value) });
        if (entry.Exception is { } exception)
            record.Attributes.Add(OtlpText.Attribute("exception.stacktrace", exception.ToString()));
        return record;
    }

    private static AnyValue Value(LogEventPropertyValue value) => value switch
    {
        ScalarValue scalar => OtlpText.Value(scalar.Value),
        SequenceValue sequence => new AnyValue { ArrayValue = new ArrayValue { Values = { sequence.Elements.Select(Value) } } },
        _ => OtlpText.Value(value.ToString()),
    };

    private static int Severity(LogEventLevel level) => level switch
    {
        LogEventLevel.Verbose or LogEventLevel.Debug => 5,
        LogEventLevel.Information => 9,
        LogEventLevel.Warning => 13,
        LogEventLevel.Error => 17,
        _ => 21,
    };
}
