using EtcdNet.Protocol;
using EtcdNet.Protocol.Etcdserverpb;
using EtcdNet.Testing.Clients;
using EtcdNet.Testing.Processes;

namespace EtcdNet.Conformance.Crash;

/// <summary>One round: clients that write, and what an aim needs to kill the server at its moment.</summary>
/// <param name="Server">The server; it runs.</param>
/// <param name="Client">A client for the aim itself.</param>
/// <param name="Ledger">What the clients know.</param>
/// <param name="Random">Chance.</param>
/// <param name="Before">The revision when the round began.</param>
/// <param name="Compacted">The compact revision when the round began.</param>
internal sealed record KillRound(ServerProcess Server, EtcdClient Client, Ledger Ledger, Random Random, long Before, long Compacted)
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);

    /// <summary>Waits until so many writes more are acknowledged. The clock of these tests: it runs in the load on every machine.</summary>
    /// <param name="more">Number of writes.</param>
    /// <param name="until">Ends the wait too.</param>
    public async Task WaitForWritesAsync(int more, Task? until = null)
    {
        int enough = Ledger.Count + more;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        long end = Environment.TickCount64 + (long)_limit.TotalMilliseconds;
        while (Ledger.Count < enough && until is not { IsCompleted: true } && await timer.WaitForNextTickAsync())
            Assert.True(Environment.TickCount64 < end, $"{Ledger.Count} writes in a minute, {enough} were awaited");
    }

    /// <summary>Notes the hash of a revision; none when the server is gone by then.</summary>
    public async Task NoteHashAsync(long revision)
    {
        try
        {
            GrpcReply<HashKVResponse> reply = await Client.HashKvAsync(revision);
            if (reply.Status == GrpcStatus.OK)
                Ledger.Note(new HashNote(revision, reply.Answer.Hash, reply.Answer.CompactRevision));
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException or OperationCanceledException)
        {
            // Killed before it answered.
        }
    }

    /// <summary>Asks for a physical compaction and notes whether it was done before the server was killed.</summary>
    public async Task CompactAsync(long revision)
    {
        Ledger.CompactionAsked = revision;
        try
        {
            GrpcReply<CompactionResponse> reply = await Client.CompactAsync(new CompactionRequest { Revision = revision, Physical = true });
            Ledger.CompactionDone = reply.Status == GrpcStatus.OK;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or InvalidDataException or OperationCanceledException)
        {
            // Killed before it answered.
        }
    }

    /// <summary>Waits until something is seen. When it never is, the kill comes a minute later, at some other moment.</summary>
    public static async Task SeeAsync(Task seen)
    {
        try
        {
            await seen.WaitAsync(_limit);
        }
        catch (TimeoutException)
        {
            // The aim counts it as missed.
        }
    }
}
