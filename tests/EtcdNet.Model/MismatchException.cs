namespace EtcdNet.Model;

/// <summary>The real thing and the list of all versions disagree.</summary>
public sealed class MismatchException(string message) : Exception(message)
{
    /// <summary>Throws unless something holds.</summary>
    internal static void Unless(bool holds, Func<string> message)
    {
        if (!holds)
            throw new MismatchException(message());
    }
}
