namespace EtcdNet.Grpc.Transport;

/// <summary>
/// How often a client may ping, by grpc-go's rule: the third ping in a row that comes too early after the one before it,
/// with nothing sent by the server in between, ends the connection. With no stream open two hours is "too early" unless
/// pings without streams are permitted. Used by the connection's reading side only.
/// </summary>
internal sealed class PingPolicy(
    TimeSpan minTime, bool permitWithoutStream, TimeProvider time, ConnectionState connection)
{
    private const int MaxStrikes = 2;
    private static readonly TimeSpan MinTimeWithoutStream = TimeSpan.FromHours(2);
    private long? _lastPingAt;
    private int _strikes;

    /// <summary>Notes a ping; true when it is one too many.</summary>
    public bool PingArrived()
    {
        long now = time.GetTimestamp();
        var since = _lastPingAt is { } last ? time.GetElapsedTime(last, now) : TimeSpan.MaxValue;
        _lastPingAt = now;
        if (connection.TakeServerSent())
        {
            _strikes = 0;
            return false;
        }

        bool idle = connection.OpenStreams == 0 && !permitWithoutStream;
        if (since < (idle ? MinTimeWithoutStream : minTime))
            _strikes++;
        return _strikes > MaxStrikes;
    }
}
