namespace EtcdNet.Host.Configuration;

/// <summary>The configuration cannot be used; the process ends with <see cref="ExitCode"/>.</summary>
/// <param name="message">For the person at the keyboard; etcd's text where etcd has one.</param>
/// <param name="exitCode">2 for the form of the command line, 1 for the rest.</param>
public sealed class ConfigurationException(string message, int exitCode = 1) : Exception(message)
{
    /// <summary>Exit code of the process.</summary>
    public int ExitCode { get; } = exitCode;

    /// <summary>Message of the log line; the exception's message is a field of it.</summary>
    public string LogMessage { get; init; } = "failed to verify flags";

    /// <summary>Name of the field that holds the exception's message.</summary>
    public string FieldName { get; init; } = "error";

    /// <summary>The line is logged as fatal instead of as a warning.</summary>
    public bool IsFatal { get; init; }
}
