using EtcdNet.Benchmarks.Http2;

namespace EtcdNet.Benchmarks.Limits;

/// <summary>Looks at a WatchResponse without making objects of it.</summary>
internal static class WatchAnswers
{
    private const int Varint = 0;
    private const int Delimited = 2;
    private const int CreatedField = 3;
    private const int CanceledField = 4;
    private const int EventsField = 11;

    /// <summary>Path of the method.</summary>
    public const string Path = "/etcdserverpb.Watch/Watch";

    /// <summary>An <see cref="DuplexLoad.AnswerReader"/>: a watcher was made, and how many events are there.</summary>
    /// <exception cref="InvalidOperationException">A watcher was cancelled.</exception>
    public static (bool IsAnswer, int Events) Read(ReadOnlySpan<byte> message)
    {
        (bool created, int events) = (false, 0);
        while (!message.IsEmpty)
        {
            ulong tag = ReadVarint(ref message);
            int field = (int)(tag >> 3);
            ulong value = ReadVarint(ref message);
            switch ((int)tag & 7)
            {
                case Varint:
                    created |= field == CreatedField && value != 0;
                    if (field == CanceledField && value != 0)
                        throw new InvalidOperationException("a watcher was cancelled");
                    break;
                case Delimited:
                    events += field == EventsField ? 1 : 0;
                    message = message[(int)value..];
                    break;
                default:
                    throw new InvalidOperationException($"tag {tag} in a WatchResponse");
            }
        }

        return (created, events);
    }

    private static ulong ReadVarint(ref ReadOnlySpan<byte> bytes)
    {
        ulong value = 0;
        for (int i = 0; ; i++)
        {
            value |= (ulong)(bytes[i] & 0x7f) << (7 * i);
            if (bytes[i] < 0x80)
            {
                bytes = bytes[(i + 1)..];
                return value;
            }
        }
    }
}
