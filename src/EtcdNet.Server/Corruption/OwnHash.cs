using EtcdNet.StateMachine;
using EtcdNet.StateMachine.Mvcc;
using Serilog;

namespace EtcdNet.Server.Corruption;

/// <summary>
/// The hash of this member's keys, for itself and for those that ask: one at a time and off the threads that serve others, since it reads
/// every record.
/// </summary>
internal sealed class OwnHash(StateMachine.StateMachine machine, ILogger log) : IDisposable
{
    private readonly ILogger _log = log.ForContext<OwnHash>();
    private readonly SemaphoreSlim _turn = new(1);

    /// <summary>Hashes a revision (0: now); null when a record is damaged, which is logged.</summary>
    /// <exception cref="StateMachine.Errors.EtcdException">Compacted, FutureRev.</exception>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    public async Task<KvHashResult?> AtAsync(long revision, CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            return await Task.Run(() => machine.HashKv(revision, cancellation), cancellation).ConfigureAwait(false);
        }
        catch (BackendDamagedException damage)
        {
            _log.Error("the data of this member cannot be hashed: {Damage:l}", damage.Message);
            return null;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _turn.Dispose();
}
