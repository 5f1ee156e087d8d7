using System.Text;

namespace EtcdNet.Host.Gateway;

/// <summary>
/// The tokens of a value that <see cref="JsonScanner"/> has found whole: what is left to refuse is inside of strings. The
/// texts and positions are those of protojson.
/// </summary>
internal ref struct JsonTokenReader(ReadOnlySpan<byte> json)
{
    private readonly ReadOnlySpan<byte> _json = json;
    private int _position;

    /// <summary>The next token; commas and colons are passed over.</summary>
    public JsonToken Read()
    {
        while (_json[_position] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or (byte)',' or (byte)':')
            _position++;
        int start = _position;
        switch ((char)_json[start])
        {
            case '{':
                return Mark(JsonTokenKind.ObjectOpen, start, 1);
            case '}':
                return Mark(JsonTokenKind.ObjectClose, start, 1);
            case '[':
                return Mark(JsonTokenKind.ArrayOpen, start, 1);
            case ']':
                return Mark(JsonTokenKind.ArrayClose, start, 1);
            case 't':
                return Mark(JsonTokenKind.True, start, 4);
            case 'f':
                return Mark(JsonTokenKind.False, start, 5);
            case 'n':
                return Mark(JsonTokenKind.Null, start, 4);
            case '"':
                string text = ReadString();
                return new JsonToken(NameFollows() ? JsonTokenKind.Name : JsonTokenKind.Text, start, _position - start, text);
            default:
                while (_position < _json.Length && (char)_json[_position] is '-' or '+' or '.' or 'e' or 'E' or (>= '0' and <= '9'))
                    _position++;
                return new JsonToken(JsonTokenKind.Number, start, _position - start, null);
        }
    }

    /// <summary>The next token without taking it.</summary>
    public JsonToken Peek()
    {
        int position = _position;
        JsonToken token = Read();
        _position = position;
        return token;
    }

    /// <summary>The bytes of a token.</summary>
    public readonly ReadOnlySpan<byte> Raw(JsonToken token) => _json.Slice(token.Position, token.Length);

    /// <summary>The bytes of a token as text.</summary>
    public readonly string RawText(JsonToken token) => Encoding.UTF8.GetString(Raw(token));

    /// <summary>An error about the meaning of what stands at a place.</summary>
    public readonly GatewayRequestException Error(int position, string text) => new($"proto: {Place(position)}: {text}");

    /// <summary>An error about the form of what stands at a place.</summary>
    public readonly GatewayRequestException SyntaxError(int position, string text) => new($"proto: syntax error {Place(position)}: {text}");

    private readonly string Place(int position)
    {
        ReadOnlySpan<byte> before = _json[..position];
        int line = before.Count((byte)'\n') + 1;
        ReadOnlySpan<byte> inLine = before[(before.LastIndexOf((byte)'\n') + 1)..];
        return $"(line {line}:{Encoding.UTF8.GetCharCount(inLine) + 1})";
    }

    private JsonToken Mark(JsonTokenKind kind, int start, int length)
    {
        _position += length;
        return new JsonToken(kind, start, length, null);
    }

    /// <summary>Only after a name comes a colon.</summary>
    private readonly bool NameFollows()
    {
        int next = _position;
        while (next < _json.Length && _json[next] is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
            next++;
        return next < _json.Length && _json[next] == ':';
    }

    private string ReadString()
    {
        int start = _position++;
        int plain = _json[_position..].IndexOfAny((byte)'"', (byte)'\\');
        ReadOnlySpan<byte> head = _json.Slice(_position, plain);
        RequireUtf8(head, start);
        _position += plain;
        if (_json[_position] == '"')
        {
            _position++;
            return Encoding.UTF8.GetString(head);
        }
        var text = new StringBuilder(Encoding.UTF8.GetString(head));
        while (_json[_position] != '"')
        {
            if (_json[_position] == '\\')
            {
                ReadEscape(text, start);
                continue;
            }
            int run = _json[_position..].IndexOfAny((byte)'"', (byte)'\\');
            RequireUtf8(_json.Slice(_position, run), start);
            text.Append(Encoding.UTF8.GetString(_json.Slice(_position, run)));
            _position += run;
        }
        _position++;
        return text.ToString();
    }

    private readonly void RequireUtf8(ReadOnlySpan<byte> bytes, int start)
    {
        if (!System.Text.Unicode.Utf8.IsValid(bytes))
            throw SyntaxError(start, "invalid UTF-8 in string");
    }

    private void ReadEscape(StringBuilder text, int start)
    {
        char kind = (char)_json[_position + 1];
        if (kind == 'u')
        {
            ReadCodePoint(text, start);
            return;
        }
        _position += 2;
        text.Append(kind switch
        {
            'b' => '\b',
            'f' => '\f',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            _ => kind,
        });
    }

    /// <summary><c>\uXXXX</c>, and the second half of a pair, which must be there.</summary>
    private void ReadCodePoint(StringBuilder text, int start)
    {
        char first = Hex(_json.Slice(_position + 2, 4)) ?? throw new InvalidOperationException("the scanner has let a bad escape pass");
        _position += 6;
        if (!char.IsSurrogate(first))
        {
            text.Append(first);
            return;
        }
        if (_json.Length - _position < 6)
            throw new GatewayRequestException("proto: unexpected EOF");
        ReadOnlySpan<byte> next = _json.Slice(_position, 6);
        if (next[0] != '\\' || next[1] != 'u' || Hex(next[2..]) is not { } second || !char.IsSurrogatePair(first, second))
            throw SyntaxError(start, $"invalid escape code {GoText.Quote(next)} in string");
        text.Append(first).Append(second);
        _position += 6;
    }

    private static char? Hex(ReadOnlySpan<byte> digits) =>
        ushort.TryParse(digits, System.Globalization.NumberStyles.AllowHexSpecifier, null, out ushort value) ? (char)value : null;
}
