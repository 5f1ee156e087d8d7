using System.Text;
using EtcdNet.Model.Script;

namespace EtcdNet.Model;

/// <summary>Many random scripts, on several threads.</summary>
public sealed class ModelRun
{
    /// <summary>Steps of a script.</summary>
    public const int StepsPerScript = 2000;

    private readonly Lock _gate = new();
    private readonly int _seed;
    private readonly int _scripts;
    private int _next;
    private int _done;
    private int _failedSeed;
    private Failure? _failure;

    /// <param name="seed">Seed of the first script; each further one has the next number.</param>
    /// <param name="operations">Steps in all, rounded up to whole scripts.</param>
    public ModelRun(int seed, long operations)
    {
        _seed = seed;
        _scripts = checked((int)((operations + StepsPerScript - 1) / StepsPerScript));
    }

    /// <summary>What was seen.</summary>
    public Tally Tally { get; } = new();

    /// <summary>Steps done so far.</summary>
    public long Operations => (long)Volatile.Read(ref _done) * StepsPerScript;

    /// <summary>Told after every script.</summary>
    public Action<ModelRun>? Progress { get; init; }

    /// <summary>Runs all scripts, or up to the first failure.</summary>
    /// <returns>Null when everything agreed; else the seed, the shortest script that fails, and how.</returns>
    public string? Run(int threads)
    {
        Thread[] workers = [.. Enumerable.Range(0, threads).Select(_ => new Thread(Work))];
        foreach (Thread worker in workers)
            worker.Start();
        foreach (Thread worker in workers)
            worker.Join();
        return _failure is null ? null : Report(_failedSeed, _failure);
    }

    /// <summary>The failure of one script as a report: its seed, its shortest form, and what went wrong.</summary>
    public static string Report(int seed, Failure failure, Func<IReadOnlyList<Step>, Failure?>? run = null)
    {
        run ??= static script => Session.Run(script);
        List<Step> script = Generator.Script(seed, StepsPerScript).GetRange(0, failure.Step + 1);
        var text = new StringBuilder($"seed {seed}, step {failure.Step}: {failure.Reason}\n");
        var shrinker = new Shrinker(run);
        try
        {
            (script, failure) = shrinker.Shrink(script);
        }
        catch (ArgumentException)
        {
            return text.Append("It does not fail when it is run again: it depends on the moment.").ToString();
        }
        text.Append($"The shortest script found ({script.Count} steps, {shrinker.Tries} tries):\n");
        for (int i = 0; i < script.Count; i++)
            text.Append($"  {i}: {script[i]}\n");
        return text.Append($"fails at step {failure.Step}: {failure.Reason}").ToString();
    }

    private void Work()
    {
        while (true)
        {
            int index = Interlocked.Increment(ref _next) - 1;
            if (index >= _scripts || Volatile.Read(ref _failure) is not null)
                return;
            int seed = unchecked(_seed + index);
            if (Session.Run(Generator.Script(seed, StepsPerScript), tally: Tally) is { } failure)
                Fail(seed, failure);
            Interlocked.Increment(ref _done);
            Progress?.Invoke(this);
        }
    }

    private void Fail(int seed, Failure failure)
    {
        lock (_gate)
        {
            if (_failure is null)
                (_failedSeed, _failure) = (seed, failure);
        }
    }
}
