using EtcdNet.Model.Script;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace EtcdNet.Model;

/// <summary>
/// Makes a failing script as short and as simple as it gets while it still fails: first by leaving out steps (Zeller's ddmin: halves, quarters, …, single
/// ones), then by leaving out parts of what is left.
/// </summary>
public sealed class Shrinker(Func<IReadOnlyList<Step>, Failure?> run)
{
    private const int StepsSimplified = 40;
    private List<Step> _script = [];
    private Failure? _failure;

    /// <summary>Scripts tried.</summary>
    public int Tries { get; private set; }

    /// <summary>Shrinks a script that is known to fail.</summary>
    /// <exception cref="ArgumentException">It does not fail when it is run again.</exception>
    public (List<Step> Script, Failure Failure) Shrink(IReadOnlyList<Step> script)
    {
        if (!Fails([.. script]))
            throw new ArgumentException("the script does not fail a second time", nameof(script));
        long size;
        do
        {
            size = Size(_script);
            LeaveOutSteps();
            if (_script.Count <= StepsSimplified)
                Simplify();
        }
        while (Size(_script) < size);
        return (_script, _failure!);
    }

    private static long SizeOf(Step step) => 1 + (step.Request is null ? 0 : Weight(step.Request));

    private static long Size(List<Step> script) => script.Sum(SizeOf);

    private void LeaveOutSteps()
    {
        for (int chunk = Math.Max(1, _script.Count / 2); ; chunk /= 2)
        {
            for (int from = Math.Max(0, _script.Count - chunk); ; from -= chunk)
            {
                int start = Math.Max(0, from);
                int count = Math.Min(chunk, _script.Count - start);
                if (count > 0 && count < _script.Count)
                    Fails([.. _script.Take(start), .. _script.Skip(start + count)]);
                if (from <= 0)
                    break;
                // A failure cuts the script behind it, so the next chunk may begin further in front.
                from = Math.Min(from, _script.Count);
            }
            if (chunk <= 1)
                return;
        }
    }

    private void Simplify()
    {
        for (int i = 0; i < _script.Count; i++)
        {
            bool simpler = true;
            while (simpler && i < _script.Count)
            {
                Step step = _script[i];
                simpler = step.Request is not null && Simpler(step.Request).Any(request => Weight(request) < Weight(step.Request) && Fails(With(i, request)));
            }
        }
    }

    // The same message without one item of a list, without one field, or with one of its inner messages made simpler.
    private static IEnumerable<IMessage> Simpler(IMessage message)
    {
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            object? value = field.Accessor.GetValue(message);
            if (value is System.Collections.IList list && field.IsRepeated)
            {
                for (int i = 0; i < list.Count; i++)
                {
                    yield return Changed(message, field, (copy, _) => copy.RemoveAt(i));
                    if (list[i] is not IMessage item)
                        continue;
                    foreach (IMessage simpler in Simpler(item))
                        yield return Changed(message, field, (copy, _) => copy[i] = simpler);
                }
            }
            else if (value is IMessage inner)
            {
                yield return Changed(message, field, (_, owner) => field.Accessor.Clear(owner));
                foreach (IMessage simpler in Simpler(inner))
                    yield return Changed(message, field, (_, owner) => field.Accessor.SetValue(owner, simpler));
            }
            else if (value is not null)
            {
                yield return Changed(message, field, (_, owner) => field.Accessor.Clear(owner));
                if (value is not long number || !Relative.IsRelative(number, out long offset))
                    continue;
                yield return Changed(message, field, (_, owner) => field.Accessor.SetValue(owner, Relative.Now(offset / 2)));
                yield return Changed(message, field, (_, owner) => field.Accessor.SetValue(owner, Relative.Now(offset - Math.Sign(offset))));
            }
        }
    }

    // Bytes, and how far the revisions in it lie from the newest one.
    private static long Weight(IMessage message)
    {
        long weight = message.CalculateSize();
        foreach (FieldDescriptor field in message.Descriptor.Fields.InFieldNumberOrder())
        {
            weight += field.Accessor.GetValue(message) switch
            {
                long number when Relative.IsRelative(number, out long offset) => Math.Abs(offset),
                IMessage inner => Weight(inner),
                System.Collections.IList list when field.FieldType == FieldType.Message => list.Cast<IMessage>().Sum(Weight),
                _ => 0,
            };
        }
        return weight;
    }

    private List<Step> With(int place, IMessage request) =>
        [.. _script.Take(place), _script[place] with { Request = request }, .. _script.Skip(place + 1)];

    private static IMessage Changed(IMessage message, FieldDescriptor field, Action<System.Collections.IList, IMessage> change)
    {
        IMessage copy = message.Descriptor.Parser.ParseFrom(message.ToByteArray());
        change(field.IsRepeated ? (System.Collections.IList)field.Accessor.GetValue(copy) : Array.Empty<object>(), copy);
        return copy;
    }

    // What comes behind the failure is of no interest.
    private bool Fails(List<Step> script)
    {
        Tries++;
        if (run(script) is not { } failure || (_failure is not null && failure.Kind != _failure.Kind))
            return false;
        _script = script.GetRange(0, failure.Step + 1);
        _failure = failure;
        return true;
    }
}
