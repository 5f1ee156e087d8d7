namespace EtcdNet.Host.Configuration;

/// <summary>
/// Reads a command line as Go's flag package does: one or two dashes, value after <c>=</c> or as the next argument,
/// a boolean takes a value only after <c>=</c>, <c>--</c> or the first plain word ends the flags.
/// </summary>
public static class ArgumentParser
{
    /// <summary>Reads <paramref name="args"/> (without the program's name) into <paramref name="values"/>.</summary>
    /// <returns>True when help was asked for; the rest is then not read.</returns>
    /// <exception cref="ConfigurationException">With Go's text and exit code 2; exit code 1 for a plain word.</exception>
    public static bool Parse(IReadOnlyList<string> args, FlagValues values)
    {
        for (var i = 0; i < args.Count; i++)
        {
            var argument = args[i];
            if (argument is "--" or "-" or "" || argument[0] != '-')
            {
                var word = argument == "--" ? (i + 1 < args.Count ? args[i + 1] : null) : argument;
                return word is null ? false : throw new ConfigurationException($"\"{word}\" is not a valid command line flag");
            }
            var body = argument.AsSpan(argument.StartsWith("--", StringComparison.Ordinal) ? 2 : 1);
            if (body.IsEmpty || body[0] is '-' or '=') throw Usage($"bad flag syntax: {argument}");
            var equals = body.IndexOf('=');
            var name = (equals < 0 ? body : body[..equals]).ToString();
            if (name is "help" or "h" && equals < 0) return true;
            var flag = Find(name);
            string text;
            if (equals >= 0) text = body[(equals + 1)..].ToString();
            else if (flag.IsSwitch) text = "true";
            else if (++i < args.Count) text = args[i];
            else throw Usage($"flag needs an argument: -{name}");
            Set(flag, text, values);
        }
        return false;
    }

    private static Flag Find(string name)
    {
        if (!FlagTable.ByName.TryGetValue(name, out var flag)) throw Usage($"flag provided but not defined: -{name}");
        if (flag.Status == FlagStatus.Removed)
            throw Usage($"flag provided but not defined: -{name}\n(it is gone since etcd 3.6; etcd {flag.Versions} had it)");
        return flag;
    }

    private static void Set(Flag flag, string text, FlagValues values)
    {
        if (FlagCheck.Error(flag, text) is { } error)
        {
            throw Usage(flag.Kind == FlagKind.Bool
                ? $"invalid boolean value \"{text}\" for -{flag.Name}: {error}"
                : $"invalid value \"{text}\" for flag -{flag.Name}: {error}");
        }
        values.Set(flag, text);
    }

    private static ConfigurationException Usage(string message) => new(message, exitCode: 2);
}
