using System.Runtime.InteropServices;

namespace EtcdNet.Host.Platform;

/// <summary>SIGTERM and SIGINT as a cancellation: the first asks for an orderly stop, the second ends the process at once.</summary>
public sealed class ShutdownSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;

    /// <summary>Starts to listen.</summary>
    public ShutdownSignals() =>
        registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle),
        ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => source.Token;

    /// <summary>Name of the first signal, for the log.</summary>
    public string? Received { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var registration in registrations) registration.Dispose();
        source.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        // Not cancelled a second time: the runtime then ends the process, which is what an impatient person wants.
        if (Received is not null) return;
        Received = context.Signal == PosixSignal.SIGTERM ? "terminated" : "interrupt";
        context.Cancel = true;
        source.Cancel();
    }
}
