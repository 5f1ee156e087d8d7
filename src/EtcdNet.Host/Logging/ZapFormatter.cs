using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Serilog.Events;
using Serilog.Parsing;

namespace EtcdNet.Host.Logging;

/// <summary>
/// Writes log events the way etcd's zap logger does: <c>level, ts, caller, msg</c>, then the fields. Tools read these
/// lines, and wait for texts such as <c>ready to serve client requests</c>.
/// </summary>
/// <remarks>
/// Property names become field names: <c>LocalMemberId</c> → <c>local-member-id</c>; names with a dash stay.
/// A property that stands in the message template is rendered into the message (strings without quotes) and is a field too.
/// </remarks>
public static class ZapFormatter
{
    private const string SourceContext = "SourceContext";
    private static readonly JsonWriterOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly ConcurrentDictionary<string, string> FieldNames = new();
    private static readonly ConcurrentDictionary<string, string> Callers = new();

    /// <summary>Writes one line with its line end.</summary>
    public static void Write(LogEvent entry, LogFormat format, IBufferWriter<byte> output)
    {
        if (format == LogFormat.Json) WriteJson(entry, output);
        else WriteConsole(entry, output);
        output.Write("\n"u8);
    }

    private static void WriteJson(LogEvent entry, IBufferWriter<byte> output)
    {
        using var json = new Utf8JsonWriter(output, Relaxed);
        json.WriteStartObject();
        json.WriteString("level", ZapLevel.Name(entry.Level));
        json.WriteString("ts", Timestamp(entry.Timestamp));
        if (Caller(entry) is { } caller) json.WriteString("caller", caller);
        json.WriteString("msg", Message(entry));
        WriteFields(entry, json);
        json.WriteEndObject();
    }

    private static void WriteConsole(LogEvent entry, IBufferWriter<byte> output)
    {
        var line = new StringBuilder();
        line.Append(Timestamp(entry.Timestamp)).Append('\t').Append(ZapLevel.Name(entry.Level)).Append('\t');
        if (Caller(entry) is { } caller) line.Append(caller).Append('\t');
        // A message is one line: a line break in it would forge the next one.
        line.Append(Message(entry).Replace("\n", "\\n", StringComparison.Ordinal));
        Encoding.UTF8.GetBytes(line.ToString(), output);
        if (entry.Exception is null && entry.Properties.All(pair => pair.Key == SourceContext)) return;

        output.Write("\t"u8);
        using var json = new Utf8JsonWriter(output, Relaxed);
        json.WriteStartObject();
        WriteFields(entry, json);
        json.WriteEndObject();
    }

    /// <summary>A time as it stands in the lines.</summary>
    internal static string Timestamp(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.ffffffZ", CultureInfo.InvariantCulture);

    /// <summary>The code that wrote the line, as a file of its folder; null when it did not say.</summary>
    internal static string? Caller(LogEvent entry)
    {
        if (!entry.Properties.TryGetValue(SourceContext, out var value) || value is not ScalarValue { Value: string type })
            return null;
        return Callers.GetOrAdd(type, static name =>
        {
            var parts = name.Split('.');
            var folder = parts.Length > 2 ? parts[1] : parts[0];
            return $"{folder.ToLowerInvariant()}/{parts[^1]}.cs";
        });
    }

    /// <summary>The message, with what stands in its template filled in.</summary>
    internal static string Message(LogEvent entry)
    {
        var template = entry.MessageTemplate;
        if (!template.Tokens.Any(token => token is PropertyToken)) return template.Text.Replace("{{", "{", StringComparison.Ordinal).Replace("}}", "}", StringComparison.Ordinal);
        var text = new StringWriter(CultureInfo.InvariantCulture);
        foreach (var token in template.Tokens)
        {
            if (token is PropertyToken property && entry.Properties.TryGetValue(property.PropertyName, out var value)
                && value is ScalarValue { Value: string plain })
                text.Write(plain);
            else
                token.Render(entry.Properties, text, CultureInfo.InvariantCulture);
        }
        return text.ToString();
    }

    /// <summary>The fields by the names that they have in the line, without the caller.</summary>
    internal static IEnumerable<(string Name, LogEventPropertyValue Value)> Fields(LogEvent entry) =>
        entry.Properties.Where(static pair => pair.Key != SourceContext).Select(static pair => (FieldNames.GetOrAdd(pair.Key, FieldName), pair.Value));

    private static void WriteFields(LogEvent entry, Utf8JsonWriter json)
    {
        foreach (var (name, value) in Fields(entry))
        {
            json.WritePropertyName(name);
            WriteValue(value, json);
        }
        if (entry.Exception is not { } exception) return;
        if (!entry.Properties.ContainsKey("error")) json.WriteString("error", exception.Message);
        json.WriteString("stacktrace", exception.ToString());
    }

    private static string FieldName(string property)
    {
        if (property.Contains('-', StringComparison.Ordinal)) return property;
        var name = new StringBuilder();
        for (var i = 0; i < property.Length; i++)
        {
            var startsWord = i > 0 && char.IsUpper(property[i])
                && (!char.IsUpper(property[i - 1]) || (i + 1 < property.Length && char.IsLower(property[i + 1])));
            if (startsWord) name.Append('-');
            name.Append(char.ToLowerInvariant(property[i]));
        }
        return name.ToString();
    }

    private static void WriteValue(LogEventPropertyValue value, Utf8JsonWriter json)
    {
        switch (value)
        {
            case ScalarValue scalar:
                WriteScalar(scalar.Value, json);
                break;
            case SequenceValue sequence:
                json.WriteStartArray();
                foreach (var element in sequence.Elements) WriteValue(element, json);
                json.WriteEndArray();
                break;
            case StructureValue structure:
                json.WriteStartObject();
                foreach (var property in structure.Properties)
                {
                    json.WritePropertyName(FieldNames.GetOrAdd(property.Name, FieldName));
                    WriteValue(property.Value, json);
                }
                json.WriteEndObject();
                break;
            default:
                json.WriteStringValue(value.ToString());
                break;
        }
    }

    private static void WriteScalar(object? value, Utf8JsonWriter json)
    {
        switch (value)
        {
            case null: json.WriteNullValue(); break;
            case string text: json.WriteStringValue(text); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case int number: json.WriteNumberValue(number); break;
            case long number: json.WriteNumberValue(number); break;
            case uint number: json.WriteNumberValue(number); break;
            case ulong number: json.WriteNumberValue(number); break;
            case double number when double.IsFinite(number): json.WriteNumberValue(number); break;
            case TimeSpan duration: json.WriteStringValue(Configuration.GoValue.FormatDuration(duration)); break;
            case IFormattable other: json.WriteStringValue(other.ToString(null, CultureInfo.InvariantCulture)); break;
            default: json.WriteStringValue(value.ToString()); break;
        }
    }
}
