using System.Buffers;
using System.IO.Compression;

namespace EtcdNet.Grpc.Internal;

/// <summary>Unpacks gzip messages, never beyond the limit (a small message can unpack to gigabytes).</summary>
internal static class Gzip
{
    /// <summary>Unpacks into an array of the shared pool, which the caller returns.</summary>
    public static byte[] Inflate(in ReadOnlySequence<byte> packed, int maxSize, out int length)
    {
        byte[] input = ArrayPool<byte>.Shared.Rent((int)packed.Length);
        byte[] output = ArrayPool<byte>.Shared.Rent((int)Math.Min(maxSize + 1L, Math.Max(1024, packed.Length * 4)));
        length = 0;
        bool done = false;
        try
        {
            packed.CopyTo(input);
            using var stream = new MemoryStream(input, 0, (int)packed.Length, writable: false);
            using var gzip = new GZipStream(stream, CompressionMode.Decompress);
            while (true)
            {
                int room = (int)Math.Min(output.Length, maxSize + 1L) - length;
                int read = gzip.Read(output, length, room);
                if (read == 0)
                    break;
                length += read;
                if (length > maxSize)
                    throw TooLarge(length, maxSize);
                if (length == output.Length)
                    output = Grow(output, maxSize);
            }

            done = true;
            return output;
        }
        catch (InvalidDataException error)
        {
            throw new GrpcStatusException(
                GrpcStatusCode.Internal, "grpc: failed to decompress the received message: " + error.Message);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(input);
            if (!done)
                ArrayPool<byte>.Shared.Return(output);
        }
    }

    private static byte[] Grow(byte[] output, int maxSize)
    {
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(maxSize + 1L, output.Length * 2L));
        output.CopyTo(larger, 0);
        ArrayPool<byte>.Shared.Return(output);
        return larger;
    }

    private static GrpcStatusException TooLarge(int length, int maxSize) => new(
        GrpcStatusCode.ResourceExhausted,
        $"grpc: received message after decompression larger than max ({length} vs. {maxSize})");
}
