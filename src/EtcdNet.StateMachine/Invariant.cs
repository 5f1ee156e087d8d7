using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace EtcdNet.StateMachine;

/// <summary>Checks that stay on in production: a broken one means that this member must stop rather than go on with wrong data.</summary>
internal static class Invariant
{
    public static void Check([DoesNotReturnIf(false)] bool condition, [CallerArgumentExpression(nameof(condition))] string what = "")
    {
        if (!condition)
            Fail(what);
    }

    [DoesNotReturn]
    private static void Fail(string what) => throw new InvariantException(what);
}

/// <summary>The program contradicts itself; the process has to stop.</summary>
public sealed class InvariantException(string what) : Exception($"invariant broken: {what}");
