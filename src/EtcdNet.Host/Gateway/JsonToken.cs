namespace EtcdNet.Host.Gateway;

/// <summary>What a token of JSON is.</summary>
internal enum JsonTokenKind
{
    ObjectOpen,
    ObjectClose,
    ArrayOpen,
    ArrayClose,
    Name,
    Text,
    Number,
    True,
    False,
    Null,
}

/// <summary>One token and where it stands.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Position">Place of its first byte.</param>
/// <param name="Length">Number of its bytes, quotes included.</param>
/// <param name="Text">Value of a string or name, else null.</param>
internal readonly record struct JsonToken(JsonTokenKind Kind, int Position, int Length, string? Text)
{
    public static JsonToken Mark(JsonTokenKind kind, int position) => new(kind, position, 1, null);
}
