using System.Diagnostics;
using EtcdNet.Model;

// dotnet run -c Release --project tests/EtcdNet.Model -- [--operations N] [--seed N] [--threads N]
long operations = Option("--operations", 10_000_000);
int seed = (int)Option("--seed", Random.Shared.Next());
int threads = (int)Option("--threads", Environment.ProcessorCount);
Console.WriteLine($"seed {seed}, {operations} operations, {threads} threads");
var watch = Stopwatch.StartNew();
long shown = 0;
var run = new ModelRun(seed, operations)
{
    Progress = one =>
    {
        long before = Interlocked.Read(ref shown);
        if (one.Operations - before >= operations / 20 && Interlocked.CompareExchange(ref shown, one.Operations, before) == before)
            Console.WriteLine($"{one.Operations} operations, {watch.Elapsed.TotalSeconds:f0} s");
    },
};
string? failure = run.Run(threads);
Console.WriteLine(failure ?? $"{run.Operations} operations agree, {watch.Elapsed.TotalSeconds:f0} s\n{run.Tally}");
return failure is null ? 0 : 1;

long Option(string name, long otherwise)
{
    int at = Array.IndexOf(args, name);
    return at < 0 ? otherwise : long.Parse(args[at + 1]);
}
