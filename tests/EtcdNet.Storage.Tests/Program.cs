using EtcdNet.Storage.Disk;

namespace EtcdNet.Storage.Tests;

/// <summary>The child process of <see cref="KillTests"/>: writes and reports each acknowledged entry until it is killed.</summary>
internal static class Program
{
    private static async Task Main(string[] args)
    {
        using var member = new ToyMember(new FileDisk(), args[0], ToyMember.KillOptions);
        var random = new Random();
        Console.WriteLine(member.LastIndex);
        while (true)
        {
            member.Write(random, random.Next(1, 20), 2000);
            Console.WriteLine(member.LastIndex);
            if (random.Next(10) == 0)
                await member.Checkpoint();
        }
    }
}
