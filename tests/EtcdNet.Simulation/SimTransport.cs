using EtcdNet.Raft;
using EtcdNet.Server.Consensus;
using EtcdNet.Server.Snapshots;
using EtcdNet.StateMachine.Cluster;

namespace EtcdNet.Simulation;

/// <summary>Carries the messages of one member's life over the simulated network.</summary>
internal sealed class SimTransport(World world, SimMember sender) : IPeerTransport
{
    private readonly int _life = sender.Life;
    private bool _toldToLeave;

    private bool IsAlive => sender.IsUp && sender.Life == _life;

    /// <inheritdoc/>
    public void Send(Message message)
    {
        message = world.Mutation.OnSend(sender, message);
        if (world.Find(message.To) is not { } receiver)
            return;
        bool once = message.Type == MessageType.Prop && !world.Mutation.DoublesProposals;
        world.Network.Send(sender.Id, message.To, () => Deliver(receiver, message), once);
        // A transport notices some failures, late.
        if (!receiver.IsUp && world.Random.Next(4) == 0)
            world.Schedule.After(world.Random.Next(30_000), () => Report(inbox => inbox.ReportUnreachable(receiver.Id)));
    }

    /// <inheritdoc/>
    public void SendSnapshot(Message message, IOutgoingSnapshot state)
    {
        world.Say(sender, $"sends a snapshot of entry {state.Metadata.Index} to {world.NameOf(message.To)}");
        // The member goes on while its state is being read.
        world.Schedule.After(world.Random.Next(30_000), () =>
        {
            if (!IsAlive)
                return;
            using var bytes = new MemoryStream();
            state.WriteTo(bytes);
            state.Dispose();
            SendState(message, bytes.ToArray());
        });
    }

    /// <inheritdoc/>
    public void MembersChanged(IReadOnlyList<Member> members, IReadOnlyList<ulong> removed) =>
        world.Say(sender, $"knows members {string.Join(' ', members.Select(member => world.NameOf(member.Id) + (member.IsLearner ? "(learner)" : "")))}");

    private void SendState(Message message, byte[] state)
    {
        bool arrived = false;
        bool answered = false;
        if (world.Find(message.To) is { } receiver)
        {
            world.Network.Send(sender.Id, message.To, () =>
            {
                arrived = Receive(receiver, message, state);
                world.Network.Send(receiver.Id, sender.Id, () => Answer(arrived), once: true);
            }, once: true);
        }

        // The connection breaks when nothing comes back.
        world.Schedule.After(300_000, () => Answer(false));

        void Answer(bool ok)
        {
            if (answered)
                return;
            answered = true;
            Report(inbox => inbox.ReportSnapshot(message.To, ok));
        }
    }

    private void Deliver(SimMember receiver, Message message)
    {
        if (!receiver.IsUp)
            return;
        message = world.Mutation.OnReceive(receiver, message);
        Conclude(receiver, receiver.Core!.Inbox.Receive(sender.Id, message));
    }

    private bool Receive(SimMember receiver, Message message, byte[] state)
    {
        if (!receiver.IsUp)
            return false;
        PeerVerdict verdict;
        try
        {
            verdict = receiver.Core!.Inbox.ReceiveSnapshot(sender.Id, message, new MemoryStream(state));
        }
        catch (InvalidDataException e)
        {
            throw new SimulationFailure($"{receiver} refuses the snapshot of {sender}: {e.Message}");
        }

        Conclude(receiver, verdict);
        return verdict == PeerVerdict.Taken;
    }

    private void Conclude(SimMember receiver, PeerVerdict verdict)
    {
        switch (verdict)
        {
            case PeerVerdict.Taken:
                receiver.PlanLoop(0);
                break;
            case PeerVerdict.Removed:
                // The sender hears of it as the answer to its request.
                world.Network.Send(receiver.Id, sender.Id, () =>
                {
                    if (IsAlive && !_toldToLeave)
                    {
                        _toldToLeave = true;
                        sender.PlanLeaving($"hears from {receiver} that it was removed");
                    }
                }, once: true);
                break;
            case PeerVerdict.Refused:
                throw new SimulationFailure($"{receiver} refuses a message of {sender}");
        }
    }

    private void Report(Action<PeerInbox> what)
    {
        if (!IsAlive)
            return;
        what(sender.Core!.Inbox);
        sender.PlanLoop(0);
    }
}
