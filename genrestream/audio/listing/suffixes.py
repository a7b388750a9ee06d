"""Which file names count as music in a folder: those of the formats that FFmpeg reads and that hold sound."""

import functools

import av

# Formats that FFmpeg knows by their content, so that its demuxers name no suffix.
KNOWN = (
    "3g2 3ga 3gp aif aifc aiff aifr amr asf au avi awb bw64 bwf caf dff divx dsf f4a f4b gsm iff m2t m2ts m4a m4p m4r"
    " mogg mp+ mp1 mpc mpeg mpg mpp mts mxf nsv nut oga ogm ogv opus qcp ra rf64 rm rmvb snd sox spx ts vob voc w64 wav"
    " wave weba wma wmv wtv wv xa xwma"
)
# What demuxers name beside music: pictures, text, subtitles, film without sound, bare samples, data of programs.
NO_MUSIC = (
    "302 adf 722 264 265 266 al ans apv aqt art asc ass avc avif avs avs2 avs3 bin bit bitpacked c2 cavs cdata cdg cgi"
    " cif daud dat dif diz drc evc flm gif h261 h263 h264 h265 h266 h26l heic heif hevc ice idf idx imx ipu ism j2k jls"
    " jpg jpeg jxl lrc m3u8 m4v mcc mj2 mjpeg mjpg mks mpl2 mpo mvc nfo obu pjs png psd qcif rawvideo rcv rgb rt sami"
    " sb sbg scc sdp ser smi smil srt stl str sub sup sw tco tiff txt ub ul uw v v210 vb vc1 vt vtt vvc webp webvtt xl"
    " y4m yop yuv yuv10"
)


@functools.cache
def music_suffixes() -> frozenset[str]:
    """Return the suffixes of music, in small letters, with their dots."""
    found = set(KNOWN.split())
    for name in av.formats_available:
        try:
            found |= av.ContainerFormat(name, "r").extensions
        except ValueError:  # FFmpeg only writes it
            continue
    return frozenset(f".{suffix}" for suffix in found.difference(NO_MUSIC.split()))
