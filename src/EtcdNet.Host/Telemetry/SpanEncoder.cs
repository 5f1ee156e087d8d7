using System.Diagnostics;
using EtcdNet.Protocol.Otlp;
using Google.Protobuf;
using Span = EtcdNet.Protocol.Otlp.Span;

namespace EtcdNet.Host.Telemetry;

/// <summary>Finished activities as OTLP spans.</summary>
internal sealed class SpanEncoder(Resource resource)
{
    /// <summary>Path of the collector's method.</summary>
    public const string Service = "opentelemetry.proto.collector.trace.v1.TraceService/Export";

    private const uint HasRemoteFlag = 0x100;
    private const uint IsRemoteFlag = 0x200;

    /// <summary>One request with all of them.</summary>
    public IMessage Encode(IReadOnlyList<Activity> activities)
    {
        var scope = new ScopeSpans { Scope = OtlpText.Scope };
        foreach (Activity activity in activities)
            scope.Spans.Add(Encode(activity));
        return new ExportTraceServiceRequest { ResourceSpans = { new ResourceSpans { Resource = resource, ScopeSpans = { scope } } } };
    }

    private static ByteString Bytes(ActivityTraceId id)
    {
        System.Span<byte> bytes = stackalloc byte[16];
        id.CopyTo(bytes);
        return ByteString.CopyFrom(bytes);
    }

    private static ByteString Bytes(ActivitySpanId id)
    {
        System.Span<byte> bytes = stackalloc byte[8];
        id.CopyTo(bytes);
        return ByteString.CopyFrom(bytes);
    }

    private static Span Encode(Activity activity)
    {
        var span = new Span
        {
            TraceId = Bytes(activity.TraceId),
            SpanId = Bytes(activity.SpanId),
            TraceState = activity.TraceStateString ?? "",
            Name = activity.DisplayName,
            Kind = activity.Kind == ActivityKind.Server ? Span.Types.SpanKind.Server : Span.Types.SpanKind.Internal,
            StartTimeUnixNano = OtlpText.Nanoseconds(activity.StartTimeUtc),
            EndTimeUnixNano = OtlpText.Nanoseconds(activity.StartTimeUtc + activity.Duration),
            Flags = (uint)activity.ActivityTraceFlags | HasRemoteFlag | (activity.HasRemoteParent ? IsRemoteFlag : 0),
        };
        if (activity.ParentSpanId != default)
            span.ParentSpanId = Bytes(activity.ParentSpanId);
        foreach ((string name, object? value) in activity.EnumerateTagObjects())
            span.Attributes.Add(OtlpText.Attribute(name, value));
        if (activity.Status == ActivityStatusCode.Error)
            span.Status = new Status { Code = Status.Types.StatusCode.Error, Message = activity.StatusDescription ?? "" };
        return span;
    }
}
