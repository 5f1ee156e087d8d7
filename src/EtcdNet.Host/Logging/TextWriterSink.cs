using System.Buffers;
using System.Text;
using Serilog.Core;
using Serilog.Events;

namespace EtcdNet.Host.Logging;

/// <summary>Writes log lines to a text writer: used until the flags are read and the real log can be opened.</summary>
internal sealed class TextWriterSink(TextWriter writer) : ILogEventSink
{
    public void Emit(LogEvent logEvent)
    {
        var buffer = new ArrayBufferWriter<byte>();
        ZapFormatter.Write(logEvent, LogFormat.Json, buffer);
        lock (writer) writer.Write(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }
}
