using System.Diagnostics;
using EtcdNet.Server.Consensus;

namespace EtcdNet.Server.Tests.Consensus;

public sealed class ThreadParkingTests
{
    private static readonly TimeSpan _long = TimeSpan.FromMinutes(1);

    [Fact]
    public void A_wake_up_before_the_sleep_keeps_the_thread_awake()
    {
        var parking = new ThreadParking();
        parking.Prepare();
        parking.Unpark();
        long begun = Stopwatch.GetTimestamp();
        parking.Park(_long);
        Assert.True(Stopwatch.GetElapsedTime(begun) < _long / 2, "slept although it was woken before");
    }

    [Fact]
    public void Sleeps_no_longer_than_it_was_told()
    {
        var parking = new ThreadParking();
        parking.Prepare();
        var time = TimeSpan.FromMilliseconds(30);
        // A signal may end a sleep early, hence the deadline for all of them together.
        long begun = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(begun) < time)
            parking.Park(time);
        Assert.True(Stopwatch.GetElapsedTime(begun) < _long / 2);
        parking.Park(TimeSpan.Zero);
    }

    [Fact]
    public async Task No_wake_up_is_lost()
    {
        const int Rounds = 50_000;
        var (ping, pong) = (new ThreadParking(), new ThreadParking());
        int asked = 0, answered = 0;
        Task answering = Task.Factory.StartNew(
            () =>
            {
                for (int round = 1; round <= Rounds; round++)
                {
                    Await(ping, ref asked, round);
                    Volatile.Write(ref answered, round);
                    pong.Unpark();
                }
            },
            TaskCreationOptions.LongRunning);
        for (int round = 1; round <= Rounds; round++)
        {
            Volatile.Write(ref asked, round);
            ping.Unpark();
            Await(pong, ref answered, round);
        }
        await answering.WaitAsync(_long);
    }

    private static void Await(ThreadParking parking, ref int number, int wanted)
    {
        long begun = Stopwatch.GetTimestamp();
        while (true)
        {
            parking.Prepare();
            if (Volatile.Read(ref number) >= wanted)
                return;
            parking.Park(_long);
            Assert.True(Stopwatch.GetElapsedTime(begun) < _long, $"nobody woke the thread for {wanted}");
        }
    }
}
