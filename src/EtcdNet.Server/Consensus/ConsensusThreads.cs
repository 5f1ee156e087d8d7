using Serilog;

namespace EtcdNet.Server.Consensus;

/// <summary>
/// The three threads of a member. What escapes from one of them leaves the member in an unknown state, so it is reported
/// as fatal: restarting from disk is safe, going on is not.
/// </summary>
internal sealed class ConsensusThreads
{
    private readonly RaftLoop _loop;
    private readonly LogWriter _writer;
    private readonly Applier _applier;
    private readonly Action<Exception> _fatal;
    private readonly ILogger _log;
    private readonly List<Thread> _threads = [];

    public ConsensusThreads(RaftLoop loop, LogWriter writer, Applier applier, Action<Exception> fatal, ILogger log)
    {
        _loop = loop;
        _writer = writer;
        _applier = applier;
        _fatal = fatal;
        _log = log.ForContext<ConsensusThreads>();
    }

    public void Start()
    {
        Start("raft-loop", _loop.Run);
        Start("log-writer", _writer.Run);
        Start("applier", _applier.Run);
    }

    /// <summary>Lets each thread finish what it has, in the order of the work's way.</summary>
    public void Stop()
    {
        _loop.Stop();
        Join("raft-loop");
        _writer.Stop();
        Join("log-writer");
        _applier.Stop();
        Join("applier");
    }

    private void Start(string name, Action run)
    {
        var thread = new Thread(() => RunGuarded(name, run)) { Name = name, IsBackground = true };
        _threads.Add(thread);
        thread.Start();
    }

    private void Join(string name) => _threads.Find(thread => thread.Name == name)?.Join();

    private void RunGuarded(string name, Action run)
    {
        try
        {
            run();
        }
        catch (Exception error)
        {
            _log.Fatal(error, "thread {Thread} failed; the member cannot go on", name);
            _fatal(error);
        }
    }
}
