using Serilog;
using Serilog.Core;
using Serilog.Core.Enrichers;

namespace EtcdNet.Host.Logging;

/// <summary>
/// Fields beside a constant message, in the order given, as zap has them. It allocates whether or not the level is on:
/// for rare lines; message templates are for the others.
/// </summary>
public static class LogFields
{
    /// <summary>A logger whose lines carry <paramref name="fields"/>, named as they appear (<c>environment-variable</c>).</summary>
    public static ILogger With(this ILogger log, params ReadOnlySpan<(string Name, object? Value)> fields)
    {
        var enrichers = new ILogEventEnricher[fields.Length];
        for (var i = 0; i < fields.Length; i++) enrichers[i] = new PropertyEnricher(fields[i].Name, fields[i].Value);
        return log.ForContext(enrichers);
    }
}
