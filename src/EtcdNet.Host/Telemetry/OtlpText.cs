using EtcdNet.Host.Configuration;
using EtcdNet.Protocol.Otlp;

namespace EtcdNet.Host.Telemetry;

/// <summary>What spans, metrics and log records have in common: attributes, times, and who sends them.</summary>
internal static class OtlpText
{
    /// <summary>Name of the code that made the record.</summary>
    public static InstrumentationScope Scope { get; } = new() { Name = "EtcdNet", Version = Versions.EtcdNet };

    /// <summary>An attribute.</summary>
    public static KeyValue Attribute(string name, object? value) => new() { Key = name, Value = Value(value) };

    /// <summary>A value; what is neither number nor truth becomes text.</summary>
    public static AnyValue Value(object? value) => value switch
    {
        bool truth => new AnyValue { BoolValue = truth },
        int number => new AnyValue { IntValue = number },
        uint number => new AnyValue { IntValue = number },
        long number => new AnyValue { IntValue = number },
        double number => new AnyValue { DoubleValue = number },
        TimeSpan duration => new AnyValue { StringValue = GoValue.FormatDuration(duration) },
        IFormattable other => new AnyValue { StringValue = other.ToString(null, null) },
        _ => new AnyValue { StringValue = value?.ToString() ?? "" },
    };

    /// <summary>Nanoseconds since 1970.</summary>
    public static ulong Nanoseconds(DateTime utc) => (ulong)(utc - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick;

    /// <summary>Who sends.</summary>
    public static Resource ResourceOf(TelemetryOptions options)
    {
        var resource = new Resource { Attributes = { Attribute("service.name", options.ServiceName) } };
        if (options.InstanceId.Length > 0)
            resource.Attributes.Add(Attribute("service.instance.id", options.InstanceId));
        return resource;
    }
}
