namespace EtcdNet.Testing.Simulated;

/// <summary>What a client did to one key.</summary>
public enum RegisterAction
{
    /// <summary>Set a value.</summary>
    Write,

    /// <summary>Saw a value.</summary>
    Read,

    /// <summary>Set a value where it expected another one, and did so.</summary>
    Swap,
}

/// <summary>One operation of a client on one key. Values are numbers; 0 is "no such key". Each value but 0 is written by one operation only.</summary>
/// <param name="Who">For the report.</param>
/// <param name="Action">What.</param>
/// <param name="Value">What was written or seen.</param>
/// <param name="Expected">Swap: what was there before.</param>
/// <param name="Invoked">When it was asked for.</param>
/// <param name="Returned">When it was answered; <see cref="long.MaxValue"/> when nobody knows whether and when it took effect.</param>
public sealed record RegisterOperation(string Who, RegisterAction Action, long Value, long Expected, long Invoked, long Returned)
{
    /// <summary>Nobody knows whether it took effect.</summary>
    public bool IsUnknown => Returned == long.MaxValue;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Who} {(Action == RegisterAction.Swap ? $"swap {Expected}→{Value}" : $"{Action.ToString().ToLowerInvariant()} {Value}")} [{Invoked}, {(IsUnknown ? "?" : Returned)}]";
}

/// <summary>
/// Judges whether the operations on one key can be put in an order in which each takes effect at one moment between its call
/// and its return (linearizability; the search of Wing and Gong with Lowe's memory of what was tried).
/// </summary>
public static class RegisterHistory
{
    /// <summary>True when there is such an order.</summary>
    public static bool IsLinearizable(IReadOnlyList<RegisterOperation> operations) => new Search(Relevant(operations)).Run();

    /// <summary>The shortest beginning of the history, by return, that has no such order; for the report.</summary>
    public static IReadOnlyList<RegisterOperation> Shorten(IReadOnlyList<RegisterOperation> operations)
    {
        List<RegisterOperation> byReturn = [.. operations.Where(static operation => !operation.IsUnknown).OrderBy(static operation => operation.Returned)];
        for (int count = 1; count <= byReturn.Count; count++)
        {
            long end = byReturn[count - 1].Returned;
            // What had not returned by then is unknown as far as the beginning goes.
            List<RegisterOperation> beginning = [.. operations.Where(operation => operation.Invoked <= end)
                .Where(operation => operation.Returned <= end || operation.Action != RegisterAction.Read)
                .Select(operation => operation.Returned <= end ? operation : operation with { Returned = long.MaxValue })];
            if (!IsLinearizable(beginning))
                return [.. Relevant(beginning).OrderBy(static operation => operation.Invoked)];
        }

        return operations;
    }

    /// <summary>A write of unknown outcome that nobody ever saw may as well not have happened.</summary>
    private static List<RegisterOperation> Relevant(IReadOnlyList<RegisterOperation> operations)
    {
        var seen = new HashSet<long>();
        foreach (RegisterOperation operation in operations)
        {
            if (operation.Action == RegisterAction.Read)
                seen.Add(operation.Value);
            else if (operation.Action == RegisterAction.Swap)
                seen.Add(operation.Expected);
        }

        return [.. operations.Where(operation => !operation.IsUnknown || (operation.Action != RegisterAction.Read && seen.Contains(operation.Value)))];
    }

    private sealed class Search
    {
        private readonly Node _head = new(null, -1);
        private readonly int _count;
        private readonly HashSet<State> _tried = [];
        private readonly Stack<(Node Node, long Before)> _taken = new();
        private int _returnsLeft;

        public Search(List<RegisterOperation> operations)
        {
            _count = operations.Count;
            var events = new List<(long Time, int Order, Node Node)>();
            for (int i = 0; i < operations.Count; i++)
            {
                RegisterOperation operation = operations[i];
                var call = new Node(operation, i);
                // A call and a return at the same moment overlap: the call counts as earlier.
                events.Add((operation.Invoked, 0, call));
                if (operation.IsUnknown)
                    continue;
                call.Return = new Node(null, i);
                events.Add((operation.Returned, 1, call.Return));
                _returnsLeft++;
            }

            events.Sort(static (a, b) => (a.Time, a.Order, a.Node.Number).CompareTo((b.Time, b.Order, b.Node.Number)));
            Node last = _head;
            foreach ((_, _, Node node) in events)
            {
                (last.Next, node.Previous) = (node, last);
                last = node;
            }
        }

        public bool Run()
        {
            long value = 0;
            var chosen = new ulong[(_count + 63) / 64];
            Node? at = _head.Next;
            while (_returnsLeft > 0)
            {
                if (at is { Operation: { } operation } && TryApply(operation, ref value, out long before))
                {
                    chosen[at.Number >> 6] |= 1UL << (at.Number & 63);
                    if (_tried.Add(new State([.. chosen], value)))
                    {
                        _taken.Push((at, before));
                        Lift(at);
                        at = _head.Next;
                        continue;
                    }

                    chosen[at.Number >> 6] &= ~(1UL << (at.Number & 63));
                    value = before;
                }

                if (at is { Operation: not null })
                {
                    at = at.Next;
                    continue;
                }

                // A return whose call was not chosen before it (or the end): something earlier was chosen wrongly.
                if (_taken.Count == 0)
                    return false;
                (at, value) = _taken.Pop();
                chosen[at.Number >> 6] &= ~(1UL << (at.Number & 63));
                Unlift(at);
                at = at.Next;
            }

            return true;
        }

        private static bool TryApply(RegisterOperation operation, ref long value, out long before)
        {
            before = value;
            switch (operation.Action)
            {
                case RegisterAction.Read:
                    return operation.Value == value;
                case RegisterAction.Swap when operation.Expected != value:
                    return false;
                default:
                    value = operation.Value;
                    return true;
            }
        }

        private void Lift(Node call)
        {
            Unlink(call);
            if (call.Return is null)
                return;
            Unlink(call.Return);
            _returnsLeft--;
        }

        private void Unlift(Node call)
        {
            if (call.Return is not null)
            {
                Relink(call.Return);
                _returnsLeft++;
            }

            Relink(call);
        }

        private static void Unlink(Node node)
        {
            node.Previous!.Next = node.Next;
            if (node.Next is not null)
                node.Next.Previous = node.Previous;
        }

        private static void Relink(Node node)
        {
            node.Previous!.Next = node;
            if (node.Next is not null)
                node.Next.Previous = node;
        }
    }

    private sealed class Node(RegisterOperation? operation, int number)
    {
        public RegisterOperation? Operation { get; } = operation;

        public int Number { get; } = number;

        public Node? Return { get; set; }

        public Node? Previous { get; set; }

        public Node? Next { get; set; }
    }

    private readonly struct State(ulong[] chosen, long value) : IEquatable<State>
    {
        private readonly ulong[] _chosen = chosen;
        private readonly long _value = value;

        public bool Equals(State other) => _value == other._value && _chosen.AsSpan().SequenceEqual(other._chosen);

        public override bool Equals(object? obj) => obj is State other && Equals(other);

        public override int GetHashCode()
        {
            ulong hash = (ulong)_value;
            foreach (ulong part in _chosen)
                hash = (hash ^ part) * 0x9E3779B97F4A7C15UL;
            return (int)(hash >> 32);
        }
    }
}
