namespace EtcdNet.Cluster.Tests;

/// <summary>What can happen to a call when servers die and networks break.</summary>
internal static class CallFailure
{
    /// <summary>The call ended without an answer; whether the server did what it asked is unknown.</summary>
    public static bool IsBroken(Exception error) =>
        error is HttpRequestException or IOException or InvalidDataException or OperationCanceledException or TimeoutException;

    /// <summary>Nobody was there: the request was never sent.</summary>
    public static bool IsUnsent(Exception error) => error is HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError };
}
