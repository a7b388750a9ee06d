"""Which of FFmpeg's demuxers may read an input: none that makes sound of its own or opens other files."""

import functools

import av

PLAYLISTS = frozenset(("applehttp", "concat", "concatf", "dash", "hls", "imf", "sdp", "vobsub", "webm_dash_manifest"))
SYNTHESISERS = frozenset(("avisynth", "lavfi", "libgme", "sbg", "vapoursynth"))
TEXT = frozenset(("ffmetadata", "tty", "xbin", "bin", "adf", "idf"))
DEVICES = frozenset(
    (
        "alsa",
        "avfoundation",
        "data",
        "dshow",
        "fbdev",
        "iec61883",
        "jack",
        "kmsgrab",
        "libcdio",
        "libdc1394",
        "openal",
        "oss",
        "pulse",
        "rtp",
        "rtsp",
        "sap",
        "sndio",
        "v4l2",
        "video4linux2",
        "vfwcap",
        "x11grab",
        "xcbgrab",
    )
)
DENIED = {
    PLAYLISTS: "is a playlist",
    SYNTHESISERS: "is a script from which FFmpeg would make sound, not a recording",
    TEXT: "is text",
    DEVICES: "is no recording",
}
REMOTE_PLAYLISTS = frozenset(("hls", "applehttp", "dash"))  # how stations send; their parts may come by http(s) only


@functools.cache
def allowed(is_remote: bool) -> str:
    """Return FFmpeg's ``format_whitelist`` for a local or a remote input."""
    denied = frozenset().union(*DENIED) - (REMOTE_PLAYLISTS if is_remote else frozenset())
    names = {name for listed in av.formats_available for name in listed.split(",")}
    return ",".join(sorted(names - denied))


def refusal(log: str) -> str | None:
    """Return why a demuxer was refused, from what FFmpeg logged; None if it was not."""
    demuxer, _, said = log.partition(": ")
    if "not on whitelist" not in said:
        return None
    for names, words in DENIED.items():
        if names & set(demuxer.split(",")):
            return words
    return "is not audio"
