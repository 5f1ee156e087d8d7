namespace EtcdNet.Host.Gateway;

/// <summary>
/// Finds where one JSON value ends, byte by byte, and says what is wrong with one that is none in the words of Go's
/// encoding/json, which etcd's gateway answers with. It keeps its place between calls, so every byte is looked at once
/// however the body arrives. No recursion: nesting costs a list entry a level.
/// </summary>
internal sealed class JsonScanner
{
    private const int DepthMax = 10_000;

    private readonly List<Inside> _nesting = [];
    private State _state = State.BeginValue;
    private string _literal = "";
    private int _literalAt;
    private int _hexDigits;

    /// <summary>True before the first byte that is not a blank.</summary>
    public bool AtStart { get; private set; } = true;

    /// <summary>Looks at further bytes; the number of those that belong to the value (and the blanks before it) when it ends here, else -1.</summary>
    /// <exception cref="GatewayRequestException">The bytes are no JSON.</exception>
    public int Scan(ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            byte c = bytes[i];
            if (AtStart && IsBlank(c))
                continue;
            AtStart = false;
            Step(c);
            if (_state == State.Done)
                return i + 1;
            if (_state == State.DoneBefore)
                return i;
        }
        return -1;
    }

    /// <summary>Whether the value is whole when nothing more comes: only a number or a word on its own may end so.</summary>
    public bool EndsHere()
    {
        if (_nesting.Count == 0 && _state is State.Zero or State.Digits or State.Fraction or State.ExponentDigits)
            return true;
        return _nesting.Count == 0 && _state == State.End;
    }

    /// <summary>Ready for the next value.</summary>
    public void Reset()
    {
        _nesting.Clear();
        _state = State.BeginValue;
        AtStart = true;
    }

    private static bool IsBlank(byte c) => c is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n';

    private void Step(byte c)
    {
        switch (_state)
        {
            case State.InString:
                InString(c);
                break;
            case State.InEscape or State.InHex:
                InEscape(c);
                break;
            case State.Literal:
                InLiteral(c);
                break;
            case State.Minus or State.Zero or State.Digits or State.Dot or State.Fraction or State.Exponent or State.ExponentSign or State.ExponentDigits:
                InNumber(c);
                break;
            default:
                Between(c);
                break;
        }
    }

    private void Between(byte c)
    {
        if (IsBlank(c))
            return;
        switch (_state)
        {
            case State.BeginValueOrClose when c == ']':
                Close();
                break;
            case State.BeginValue or State.BeginValueOrClose:
                BeginValue(c);
                break;
            case State.BeginKeyOrClose when c == '}':
                Close();
                break;
            case State.BeginKey or State.BeginKeyOrClose:
                if (c != '"')
                    throw Error(c, "looking for beginning of object key string");
                _state = State.InString;
                break;
            default:
                AfterValue(c);
                break;
        }
    }

    private void BeginValue(byte c)
    {
        switch ((char)c)
        {
            case '{':
                Open(Inside.Key, State.BeginKeyOrClose);
                break;
            case '[':
                Open(Inside.Array, State.BeginValueOrClose);
                break;
            case '"':
                _state = State.InString;
                break;
            case '-':
                _state = State.Minus;
                break;
            case '0':
                _state = State.Zero;
                break;
            case >= '1' and <= '9':
                _state = State.Digits;
                break;
            case 't':
                BeginLiteral("true");
                break;
            case 'f':
                BeginLiteral("false");
                break;
            case 'n':
                BeginLiteral("null");
                break;
            default:
                throw Error(c, "looking for beginning of value");
        }
    }

    private void Open(Inside inside, State next)
    {
        if (_nesting.Count == DepthMax)
            throw new GatewayRequestException("exceeded max depth");
        _nesting.Add(inside);
        _state = next;
    }

    private void Close()
    {
        _nesting.RemoveAt(_nesting.Count - 1);
        _state = _nesting.Count == 0 ? State.Done : State.End;
    }

    /// <summary>A value has ended before this byte.</summary>
    private void AfterValue(byte c)
    {
        if (_nesting.Count == 0)
        {
            _state = State.DoneBefore;
            return;
        }
        switch (_nesting[^1])
        {
            case Inside.Key when c == ':':
                _nesting[^1] = Inside.Value;
                _state = State.BeginValue;
                break;
            case Inside.Key:
                throw Error(c, "after object key");
            case Inside.Value when c == ',':
                _nesting[^1] = Inside.Key;
                _state = State.BeginKey;
                break;
            case Inside.Value when c == '}':
                Close();
                break;
            case Inside.Value:
                throw Error(c, "after object key:value pair");
            case Inside.Array when c == ',':
                _state = State.BeginValue;
                break;
            case Inside.Array when c == ']':
                Close();
                break;
            default:
                throw Error(c, "after array element");
        }
    }

    private void InString(byte c)
    {
        if (c == '"')
            EndScalar();
        else if (c == '\\')
            _state = State.InEscape;
        else if (c < ' ')
            throw Error(c, "in string literal");
    }

    private void InEscape(byte c)
    {
        if (_state == State.InHex)
        {
            if (!char.IsAsciiHexDigit((char)c))
                throw Error(c, @"in \u hexadecimal character escape");
            if (++_hexDigits == 4)
                _state = State.InString;
            return;
        }
        _hexDigits = 0;
        _state = (char)c switch
        {
            'b' or 'f' or 'n' or 'r' or 't' or '\\' or '/' or '"' => State.InString,
            'u' => State.InHex,
            _ => throw Error(c, "in string escape code"),
        };
    }

    private void BeginLiteral(string literal)
    {
        _literal = literal;
        _literalAt = 1;
        _state = State.Literal;
    }

    private void InLiteral(byte c)
    {
        if (c != _literal[_literalAt])
            throw Error(c, $"in literal {_literal} (expecting '{_literal[_literalAt]}')");
        if (++_literalAt == _literal.Length)
            EndScalar();
    }

    private void InNumber(byte c)
    {
        bool digit = char.IsAsciiDigit((char)c);
        switch (_state)
        {
            case State.Minus:
                _state = c == '0' ? State.Zero : digit ? State.Digits : throw Error(c, "in numeric literal");
                break;
            case State.Dot:
                _state = digit ? State.Fraction : throw Error(c, "after decimal point in numeric literal");
                break;
            case State.Exponent when c is (byte)'+' or (byte)'-':
                _state = State.ExponentSign;
                break;
            case State.Exponent or State.ExponentSign:
                _state = digit ? State.ExponentDigits : throw Error(c, "in exponent of numeric literal");
                break;
            case State.Digits or State.Fraction or State.ExponentDigits when digit:
                break;
            case State.Zero or State.Digits when c == '.':
                _state = State.Dot;
                break;
            case State.Zero or State.Digits or State.Fraction when c is (byte)'e' or (byte)'E':
                _state = State.Exponent;
                break;
            default:
                // A number ends with the byte after it.
                _state = State.End;
                if (_nesting.Count == 0)
                    _state = State.DoneBefore;
                else
                    Between(c);
                break;
        }
    }

    /// <summary>A string or a word ends with its last byte.</summary>
    private void EndScalar() => _state = State.End;

    private static GatewayRequestException Error(byte c, string context) => new($"invalid character {GoText.QuoteByte(c)} {context}");

    private enum Inside
    {
        Key,
        Value,
        Array,
    }

    private enum State
    {
        BeginValue,
        BeginValueOrClose,
        BeginKey,
        BeginKeyOrClose,
        InString,
        InEscape,
        InHex,
        Literal,
        Minus,
        Zero,
        Digits,
        Dot,
        Fraction,
        Exponent,
        ExponentSign,
        ExponentDigits,
        End,
        Done,
        DoneBefore,
    }
}
