namespace EtcdNet.Storage.Records;

/// <summary>What a record takes in the store: per part 8 bytes of record header, 16 of key, 4 of length and 8 of ours, in steps of 8.</summary>
internal static class RecordSize
{
    internal const int OverheadBytes = 8 + 16 + 4 + RecordCodec.HeaderBytes;

    internal static long Of(int bytes)
    {
        int parts = RecordCodec.PartCount(bytes);
        int lastPart = bytes - (parts - 1) * RecordCodec.PartBytesMax;
        return (parts - 1) * OfPart(RecordCodec.PartBytesMax) + OfPart(lastPart);
    }

    internal static long OfPart(int bytes) => (OverheadBytes + bytes + 7) & ~7;
}
