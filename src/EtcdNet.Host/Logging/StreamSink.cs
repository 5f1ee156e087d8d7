using System.Buffers;
using Serilog.Core;
using Serilog.Events;

namespace EtcdNet.Host.Logging;

/// <summary>
/// Writes each log line with one write to one or more streams, unbuffered, so that a crash loses no line.
/// The line is made outside the lock.
/// </summary>
internal sealed class StreamSink(IReadOnlyList<Stream> streams, LogFormat format) : ILogEventSink, IDisposable
{
    private const int KeptBufferMax = 64 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? threadBuffer;

    private readonly Lock gate = new();

    public void Emit(LogEvent logEvent)
    {
        var buffer = threadBuffer ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        ZapFormatter.Write(logEvent, format, buffer);
        lock (gate)
        {
            foreach (var stream in streams)
            {
                try
                {
                    stream.Write(buffer.WrittenSpan);
                    stream.Flush();
                }
                catch (IOException)
                {
                    // A full disk or a closed pipe under the log must not stop the server.
                }
            }
        }
        if (buffer.Capacity > KeptBufferMax) threadBuffer = null;
    }

    public void Dispose()
    {
        lock (gate)
        {
            foreach (var stream in streams) stream.Dispose();
        }
    }
}
