using Google.Protobuf;

namespace EtcdNet.Conformance.Differential;

/// <summary>A request to both servers and what they answered, without what may differ between two right servers.</summary>
/// <param name="Rpc">The short name of the RPC.</param>
/// <param name="Request">The request.</param>
/// <param name="Headers">The headers that were sent beside the usual ones.</param>
/// <param name="Expected">What the oracle answered.</param>
/// <param name="Answered">What the tested server answered.</param>
/// <param name="IsLost">Whether it is a call that has waited in a line until its place was lost.</param>
internal sealed record Exchange(string Rpc, IMessage Request, IReadOnlyDictionary<string, string> Headers, Outcome Expected, Outcome Answered, bool IsLost = false);
