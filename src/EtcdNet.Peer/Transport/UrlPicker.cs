namespace EtcdNet.Peer.Transport;

/// <summary>A member's URLs. One is used until it fails, then the next one. Any thread.</summary>
internal sealed class UrlPicker(IReadOnlyList<Uri> urls)
{
    private volatile State _state = State.Of(urls);

    public Uri Current => _state.Current;

    /// <summary>The member announced other URLs.</summary>
    public void Replace(IReadOnlyList<Uri> urls) => _state = State.Of(urls);

    /// <summary>Nobody answered at this URL; ignored when it is not in use any more.</summary>
    public void Failed(Uri url)
    {
        var state = _state;
        if (state.Current == url)
            Interlocked.CompareExchange(ref _state!, state.Next(), state);
    }

    private sealed record State(Uri[] Urls, int At)
    {
        public Uri Current => Urls[At];

        public static State Of(IReadOnlyList<Uri> urls) =>
            urls.Count > 0 ? new State([.. urls], 0) : throw new ArgumentException("a member needs at least one URL", nameof(urls));

        public State Next() => this with { At = (At + 1) % Urls.Length };
    }
}
