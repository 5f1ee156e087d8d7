using System.Text;

namespace EtcdNet.StateMachine.Auth;

/// <summary>Order of names by their UTF-8 bytes, as etcd stores them; .NET's own orders go by UTF-16.</summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static Utf8Order Instance { get; } = new();

    public int Compare(string? x, string? y) =>
        Encoding.UTF8.GetBytes(x ?? "").AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y ?? ""));
}
