using EtcdNet.Host.Configuration;

namespace EtcdNet.Host.Tests;

/// <summary>Runs the command line and keeps what it wrote.</summary>
internal sealed record Starter(CommandLineResult Result, string Out, string Error)
{
    public EtcdOptions Options => Result.Options ?? throw new InvalidOperationException($"exit {Result.ExitCode}: {Error}");

    public static Starter Run(params string[] args) => RunWith([], args);

    public static Starter RunWith(Dictionary<string, string> environment, params string[] args)
    {
        var stdout = new StringWriter();
        var stderr = new StringWriter();
        return new Starter(CommandLine.Run(args, environment, stdout, stderr), stdout.ToString(), stderr.ToString());
    }

    public static Starter RunFile(string text, Dictionary<string, string>? environment = null, params string[] args)
    {
        var path = Path.Combine(Path.GetTempPath(), $"etcdnet-{Guid.NewGuid():N}.yaml");
        File.WriteAllText(path, text);
        try
        {
            return RunWith(environment ?? [], ["--config-file", path, .. args]);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
