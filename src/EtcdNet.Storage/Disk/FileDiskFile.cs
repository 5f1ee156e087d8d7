using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace EtcdNet.Storage.Disk;

/// <summary>A file of <see cref="FileDisk"/>.</summary>
internal sealed class FileDiskFile(FileDisk disk, string path, SafeFileHandle handle) : IDiskFile
{
    private const int ZeroBlockBytes = 1 << 20;

    // The page cache takes as large a block of memory as a write asks for. The largest ones are those that a virtual machine gives back to
    // its host while they are free: writes of 4 MiB were seen to cost eight times the processor time of the same bytes in pieces.
    private const int WriteBytesMax = 512 << 10;

    public string Path => path;

    public long Length => RandomAccess.GetLength(handle);

    public int Read(long offset, Span<byte> buffer)
    {
        int total = 0;
        while (total < buffer.Length)
        {
            int read = ReadSome(buffer[total..], offset + total);
            if (read == 0)
                break;
            total += read;
        }

        return total;
    }

    public void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        disk.ThrowIfFailed();
        try
        {
            while (!bytes.IsEmpty)
            {
                ReadOnlySpan<byte> piece = bytes[..Math.Min(bytes.Length, WriteBytesMax)];
                // Repeats until every byte is handed over.
                RandomAccess.Write(handle, piece, offset);
                offset += piece.Length;
                bytes = bytes[piece.Length..];
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw disk.Fail("write", path, e.Message, e);
        }
    }

    public void Sync()
    {
        disk.ThrowIfFailed();
        if (Native.DataSync(handle) != 0)
            throw disk.Fail("fdatasync", path, Native.LastReason());
    }

    public void Allocate(long length)
    {
        disk.ThrowIfFailed();
        int result;
        do
            result = Native.Allocate(handle, 0, 0, length);
        while (result != 0 && Marshal.GetLastPInvokeError() == Native.ErrorInterrupted);
        if (result == 0)
            return;
        if (Marshal.GetLastPInvokeError() != Native.ErrorNotSupported)
            throw disk.Fail("fallocate", path, Native.LastReason());
        FillWithZeros(length);
    }

    public void SetLength(long length)
    {
        disk.ThrowIfFailed();
        try
        {
            RandomAccess.SetLength(handle, length);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw disk.Fail("ftruncate", path, e.Message, e);
        }
    }

    public void Dispose() => handle.Dispose();

    private int ReadSome(Span<byte> buffer, long offset)
    {
        try
        {
            return RandomAccess.Read(handle, buffer, offset);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"{path} cannot be read at offset {offset}: {e.Message}", e);
        }
    }

    // For file systems without fallocate.
    private void FillWithZeros(long length)
    {
        byte[] zeros = new byte[ZeroBlockBytes];
        for (long offset = Length; offset < length; offset += zeros.Length)
            Write(offset, zeros.AsSpan(0, (int)Math.Min(zeros.Length, length - offset)));
    }
}
