namespace EtcdNet.Benchmarks.Http2;

/// <summary>Told of what comes on the streams of a <see cref="LoadConnection"/>, one call at a time.</summary>
internal interface IFrameSink
{
    /// <summary>Bytes of a response body.</summary>
    void OnData(int stream, ReadOnlySpan<byte> bytes);

    /// <summary>The server has ended the stream, in peace or not.</summary>
    void OnEnd(int stream);
}
