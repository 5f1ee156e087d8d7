namespace EtcdNet.Storage.WriteAhead;

/// <summary>
/// The log is not what was acknowledged: something that had reached the disk is changed or missing, or it is of another
/// release. Starting anyway could lose an acknowledged write or a vote, so it is refused.
/// </summary>
public sealed class WalDamagedException : Exception
{
    /// <summary>Names the file, the place and what was found there, and says what can be done.</summary>
    public WalDamagedException(string file, long offset, string found)
        : base(Describe(file, offset, found)) => (File, Offset) = (file, offset);

    /// <summary>The file.</summary>
    public string File { get; }

    /// <summary>Where in it, in bytes.</summary>
    public long Offset { get; }

    private static string Describe(string file, long offset, string found) => found.StartsWith(WalSegmentHeader.OtherVersion, StringComparison.Ordinal)
        ? $"write-ahead log {file} cannot be read: {found}. {DamageAdvice.OtherVersion}"
        : $"write-ahead log {file} is damaged at offset {offset}: {found}. This is no interrupted write: what stood there had reached the disk. {DamageAdvice.Text}";
}
