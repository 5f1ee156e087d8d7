using System.Buffers;
using System.Globalization;
using System.Text;
using EtcdNet.Grpc;
using Google.Protobuf;

namespace EtcdNet.Host.Gateway;

/// <summary>The forms of answers.</summary>
internal static class GatewayAnswer
{
    /// <summary>One message as the whole answer.</summary>
    public static async ValueTask WholeAsync(GatewayExchange exchange, IMessage message)
    {
        using var buffer = new PooledBuffer();
        new JsonMessageWriter(buffer, escapeHtml: false).Write(message);
        exchange.Begin(GrpcStatusCode.OK, "", buffer.Written.Length);
        exchange.Output.Write(buffer.Written.Span);
        await exchange.FlushAsync().ConfigureAwait(false);
    }

    /// <summary>An error as the whole answer: <c>{"code":5,"message":"…"}</c>.</summary>
    public static async ValueTask ErrorAsync(GatewayExchange exchange, GrpcStatusCode code, string message)
    {
        using var buffer = new PooledBuffer();
        WriteError(buffer, code, message, escapeHtml: false);
        exchange.Begin(code, message, buffer.Written.Length);
        exchange.Output.Write(buffer.Written.Span);
        await exchange.FlushAsync().ConfigureAwait(false);
    }

    /// <summary>A message as a line of a stream; false when nobody takes it any more.</summary>
    public static async ValueTask<bool> LineAsync(GatewayExchange exchange, IMessage message)
    {
        using var line = new PooledBuffer();
        WriteLine(line, message);
        return await exchange.SendAsync(line.Written).ConfigureAwait(false);
    }

    /// <summary>The error that ends a stream, as a line.</summary>
    public static async ValueTask ErrorLineAsync(GatewayExchange exchange, GrpcStatusCode code, string message)
    {
        using var line = new PooledBuffer();
        line.Write("{\"error\":"u8);
        WriteError(line, code, message, escapeHtml: true);
        line.Write("}\n"u8);
        await exchange.SendAsync(line.Written).ConfigureAwait(false);
    }

    private static void WriteLine(IBufferWriter<byte> output, IMessage message)
    {
        var writer = new JsonMessageWriter(output, escapeHtml: true);
        writer.Raw("{\"result\":"u8);
        writer.Write(message);
        writer.Raw("}\n"u8);
    }

    private static void WriteError(IBufferWriter<byte> output, GrpcStatusCode code, string message, bool escapeHtml)
    {
        var writer = new JsonMessageWriter(output, escapeHtml);
        writer.Raw("{\"code\":"u8);
        writer.Raw(Encoding.ASCII.GetBytes(((int)code).ToString(CultureInfo.InvariantCulture)));
        if (message.Length > 0)
        {
            writer.Raw(",\"message\":"u8);
            writer.WriteString(message);
        }
        writer.Raw("}"u8);
    }
}
