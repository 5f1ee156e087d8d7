using System.Diagnostics;
using EtcdNet.Grpc.Internal;
using Google.Protobuf;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace EtcdNet.Grpc;

/// <content>How a call ends: the one response of a unary call, the status, the mapping of exceptions.</content>
public sealed partial class GrpcCall
{
    private static readonly string[] CodeTexts =
        [.. Enumerable.Range(0, (int)GrpcStatusCode.Unauthenticated + 1).Select(code => code.ToString())];

    /// <summary>Writes the only response and the OK status. Nothing is flushed: headers, message and trailers leave together.</summary>
    internal void Respond<TResponse>(TResponse message)
        where TResponse : class, IMessage<TResponse>
    {
        if (message is null)
            throw new InvalidOperationException($"the handler of {Method.Path} gave no response");
        int size = MessageFrame.CheckedSize(message, _host.Options.MaxSendMessageSize);
        BodyBegins();
        try
        {
            MessageFrame.Write(ResponseBody, message, size);
        }
        catch
        {
            // Part of a frame is in the response: nothing sent after it could be understood.
            Abort();
            throw;
        }

        _host.Observer?.MessageSent(Method, size);
        (Answer, AnswerBytes) = (message, size);
        Complete(GrpcStatusCode.OK, "");
    }

    /// <summary>Sends the only response piece by piece, waiting while the client's window is closed, and then the OK status.</summary>
    internal async Task RespondAsync(IGrpcBody body)
    {
        using (body)
        {
            int size = MessageFrame.CheckedSize(body.Size, _host.Options.MaxSendMessageSize);
            BodyBegins();
            try
            {
                MessageFrame.WritePrefix(ResponseBody, size);
                while (body.WriteNext(ResponseBody))
                    await ResponseBody.FlushAsync(Cancellation).ConfigureAwait(false);
            }
            catch
            {
                // Part of the message is sent: the client must not take it for the whole.
                Abort();
                throw;
            }

            _host.Observer?.MessageSent(Method, size);
            AnswerBytes = size;
            Complete(GrpcStatusCode.OK, "");
        }
    }

    /// <summary>Ends the call with the status that an exception of the handler stands for.</summary>
    internal void Fail(Exception error)
    {
        // Whatever a handler throws once its call has been ended from outside is a consequence of that.
        EndReason reason = Reason();
        if (reason != EndReason.None || error is OperationCanceledException)
            CompleteEnded(reason);
        else if ((error as GrpcStatusException ?? _host.Options.TranslateError?.Invoke(error)) is { } status)
            Complete(status.Code, status.Message);
        else
            FailUnexpectedly(error);
    }

    private void FailUnexpectedly(Exception error)
    {
        _host.Observer?.HandlerFailed(Method, error);
        Complete(GrpcStatusCode.Unknown, error.Message);
    }

    /// <summary>Sets the status; the first one stands.</summary>
    internal void Complete(GrpcStatusCode code, string message)
    {
        if (_completed)
            return;
        _completed = true;
        WriteStatus(code, message);
        _host.Observer?.CallHandled(this, code, message, Stopwatch.GetElapsedTime(_startedAt));
    }

    /// <summary>Sets a status without a known method: no observer hears of it.</summary>
    internal void Refuse(GrpcStatusCode code, string message, int httpStatus = StatusCodes.Status200OK)
    {
        _response.StatusCode = httpStatus;
        _completed = true;
        WriteStatus(code, message);
    }

    private void CompleteEnded(EndReason reason)
    {
        switch (reason)
        {
            case EndReason.Deadline:
                Complete(GrpcStatusCode.DeadlineExceeded, "context deadline exceeded");
                break;
            case EndReason.Stopping:
                Complete(GrpcStatusCode.Unavailable, _host.Options.ShutdownMessage);
                break;
            default:
                Complete(GrpcStatusCode.Canceled, "context canceled");
                break;
        }
    }

    private void WriteStatus(GrpcStatusCode code, string message)
    {
        // Before any output the status goes into the headers, and the response has no body; after it, into the trailers.
        bool trailersOnly = code != GrpcStatusCode.OK && !_bodyBegun && !_response.HasStarted;
        var fields = trailersOnly
            ? _response.Headers
            : Features.Get<IHttpResponseTrailersFeature>()?.Trailers;
        if (fields is null || fields.IsReadOnly)
            return;
        fields.GrpcStatus = CodeTexts[(int)code];
        if (message.Length > 0)
            fields.GrpcMessage = PercentEncoding.Encode(message);
    }
}
