namespace EtcdNet.Host.Logging;

/// <summary>Form of the log lines.</summary>
public enum LogFormat
{
    /// <summary>One JSON object a line.</summary>
    Json,

    /// <summary>Columns separated by tabs, the fields as JSON at the end.</summary>
    Console,
}
