namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// The checksum of any part of a run of bytes without reading it again: whoever tries every place of a file as the beginning of a frame would
/// otherwise sum megabytes up for each. Half as large as the bytes. Behind them there are only zeros.
/// </summary>
internal sealed class PartSums
{
    /// <summary>Parts begin and end at multiples of this.</summary>
    internal const int Step = sizeof(ulong);

    private readonly List<uint> _registers = [0];
    private (long Bytes, uint Factor) _last = (0, Crc32C.FactorOfZeros(0));

    /// <summary>Appends to the run; all but the last piece must be multiples of <see cref="Step"/>, and zeros are understood behind the last.</summary>
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        uint register = _registers[^1];
        for (; bytes.Length >= Step; bytes = bytes[Step..])
            _registers.Add(register = Crc32C.Update(register, bytes[..Step]));
        if (bytes.IsEmpty)
            return;
        Span<byte> padded = stackalloc byte[Step];
        padded.Clear();
        bytes.CopyTo(padded);
        _registers.Add(Crc32C.Update(register, padded));
    }

    /// <summary>Goes on from a register over a part.</summary>
    /// <param name="register">As <see cref="Crc32C.Update"/> takes it.</param>
    /// <param name="from">Where the part begins.</param>
    /// <param name="to">Where it ends; may be behind the run.</param>
    internal uint Update(uint register, long from, long to)
    {
        if ((from | to) % Step != 0 || to < from)
            throw new ArgumentException($"{from} to {to} is no part");
        // Sums are linear: what both have before the part falls out.
        return PastZeros(register ^ At(from), to - from) ^ At(to);
    }

    private uint At(long offset)
    {
        long index = offset / Step;
        return index < _registers.Count
            ? _registers[(int)index]
            : PastZeros(_registers[^1], (index - _registers.Count + 1) * Step);
    }

    // Parts that are tried one after the other often have the same length.
    private uint PastZeros(uint register, long bytes)
    {
        if (_last.Bytes != bytes)
            _last = (bytes, Crc32C.FactorOfZeros(bytes));
        return Crc32C.Multiply(register, _last.Factor);
    }
}
