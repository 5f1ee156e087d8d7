using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace EtcdNet.Host.Platform;

/// <summary>A target of a DNS service record (RFC 2782).</summary>
/// <param name="Target">Host name without the last dot.</param>
/// <param name="Port">Port of the service there.</param>
public sealed record ServiceRecord(string Target, int Port);

/// <summary>
/// Asks the system's resolver for SRV records, which .NET's own does not know. glibc's res_query does what /etc/resolv.conf says: servers,
/// attempts, TCP when an answer is too long.
/// </summary>
public static partial class ServiceRecords
{
    private const int ClassInternet = 1;
    private const int TypeSrv = 33;
    private const int HeaderBytes = 12;
    private const int AnswerBytesMax = 65_535;

    /// <summary>The records of a name, by priority; none when the name does not exist or nobody answers.</summary>
    /// <param name="name">For example <c>_etcd-server._tcp.example.com</c>.</param>
    public static IReadOnlyList<ServiceRecord> Query(string name)
    {
        byte[] answer = new byte[AnswerBytesMax];
        int length = ResQuery(name, ClassInternet, TypeSrv, answer, answer.Length);
        return length <= 0 ? [] : Parse(answer.AsSpan(0, Math.Min(length, answer.Length)));
    }

    /// <summary>Reads an answer in wire format (RFC 1035 §4).</summary>
    /// <exception cref="FormatException">It is cut off or contradicts itself.</exception>
    public static IReadOnlyList<ServiceRecord> Parse(ReadOnlySpan<byte> answer)
    {
        if (answer.Length < HeaderBytes)
            throw Broken();
        int questions = BinaryPrimitives.ReadUInt16BigEndian(answer[4..]);
        int answers = BinaryPrimitives.ReadUInt16BigEndian(answer[6..]);
        int at = HeaderBytes;
        for (int i = 0; i < questions; i++)
        {
            ReadName(answer, ref at);
            at += 4;
        }
        var found = new List<(int Priority, ServiceRecord Record)>();
        for (int i = 0; i < answers; i++)
        {
            ReadName(answer, ref at);
            ReadOnlySpan<byte> fields = Slice(answer, at, 10);
            int type = BinaryPrimitives.ReadUInt16BigEndian(fields);
            int size = BinaryPrimitives.ReadUInt16BigEndian(fields[8..]);
            at += 10;
            ReadOnlySpan<byte> data = Slice(answer, at, size);
            if (type == TypeSrv)
            {
                int target = at + 6;
                ReadOnlySpan<byte> head = Slice(data, 0, 6);
                found.Add((BinaryPrimitives.ReadUInt16BigEndian(head), new ServiceRecord(ReadName(answer, ref target), BinaryPrimitives.ReadUInt16BigEndian(head[4..]))));
            }
            at += size;
        }
        return [.. found.OrderBy(static one => one.Priority).Select(static one => one.Record)];
    }

    /// <summary>Labels, the last of them perhaps a pointer to an earlier place; moves <paramref name="at"/> behind the name.</summary>
    private static string ReadName(ReadOnlySpan<byte> message, ref int at)
    {
        var name = new StringBuilder();
        int place = at;
        int end = -1;
        // A name has at most 255 bytes, so a longer walk goes in circles.
        for (int steps = 0; steps < 256; steps++)
        {
            int size = Slice(message, place, 1)[0];
            if (size >= 0xC0)
            {
                if (end < 0)
                    end = place + 2;
                place = BinaryPrimitives.ReadUInt16BigEndian(Slice(message, place, 2)) & 0x3FFF;
                continue;
            }
            if (size == 0)
            {
                at = end < 0 ? place + 1 : end;
                return name.ToString();
            }
            if (name.Length > 0)
                name.Append('.');
            name.Append(Encoding.ASCII.GetString(Slice(message, place + 1, size)));
            place += 1 + size;
        }
        throw Broken();
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> bytes, int from, int count) =>
        from >= 0 && from + count <= bytes.Length ? bytes.Slice(from, count) : throw Broken();

    private static FormatException Broken() => new("the DNS answer is damaged");

    [LibraryImport("libresolv.so.2", EntryPoint = "res_query", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ResQuery(string name, int @class, int type, byte[] answer, int length);
}
