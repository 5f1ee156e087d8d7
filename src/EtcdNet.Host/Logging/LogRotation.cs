using System.Text.Json;
using EtcdNet.Host.Configuration;

namespace EtcdNet.Host.Logging;

/// <summary>How a log file is rotated: <c>--log-rotation-config-json</c>, with the names and meanings of Go's lumberjack.</summary>
public sealed record LogRotation
{
    private const long MegabyteBytes = 1024 * 1024;
    private const int MaxSizeDefault = 100;
    private const int MaxSizeMax = 1024 * 1024;
    private const int MaxAgeMax = 365 * 1000;

    /// <summary>Size that a file does not pass, bytes; one line that is larger has a file of its own.</summary>
    public long MaxBytes { get; init; } = MaxSizeDefault * MegabyteBytes;

    /// <summary>Age at which old files are deleted; zero: never.</summary>
    public TimeSpan MaxAge { get; init; }

    /// <summary>Old files kept; zero: all.</summary>
    public int MaxBackups { get; init; }

    /// <summary>Name old files by local time instead of UTC.</summary>
    public bool LocalTime { get; init; }

    /// <summary>Compress old files with gzip.</summary>
    public bool Compress { get; init; }

    /// <summary>Reads the JSON text. Names may be written in any case, unknown ones are passed over.</summary>
    /// <exception cref="ConfigurationException">No JSON, or a value of the wrong kind or size.</exception>
    public static LogRotation Parse(string json)
    {
        JsonElement root;
        try
        {
            using var document = JsonDocument.Parse(json);
            root = document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new ConfigurationException($"improperly formatted log rotation config: {error.Message}");
        }
        if (root.ValueKind != JsonValueKind.Object)
            throw new ConfigurationException($"invalid log rotation config: it must be a JSON object (set to {json})");
        var size = Number(root, "maxsize", MaxSizeMax);
        return new LogRotation
        {
            MaxBytes = (size == 0 ? MaxSizeDefault : size) * MegabyteBytes,
            MaxAge = TimeSpan.FromDays(Number(root, "maxage", MaxAgeMax)),
            MaxBackups = (int)Number(root, "maxbackups", int.MaxValue),
            LocalTime = Flag(root, "localtime"),
            Compress = Flag(root, "compress"),
        };
    }

    private static long Number(JsonElement root, string name, long max)
    {
        if (Find(root, name) is not { } value) return 0;
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= 0 && number <= max) return number;
        throw new ConfigurationException($"invalid log rotation config: {name} must be a whole number from 0 to {max} (set to {value.GetRawText()})");
    }

    private static bool Flag(JsonElement root, string name) => Find(root, name) switch
    {
        null or { ValueKind: JsonValueKind.False } => false,
        { ValueKind: JsonValueKind.True } => true,
        { } value => throw new ConfigurationException($"invalid log rotation config: {name} must be true or false (set to {value.GetRawText()})"),
    };

    private static JsonElement? Find(JsonElement root, string name)
    {
        foreach (var property in root.EnumerateObject())
        {
            if (property.Name.Equals(name, StringComparison.OrdinalIgnoreCase) && property.Value.ValueKind != JsonValueKind.Null) return property.Value;
        }
        return null;
    }
}
