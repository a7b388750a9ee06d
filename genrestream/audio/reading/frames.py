"""The length of an MPEG audio frame by its header, to notice a cut frame: FFmpeg decodes what is left of it."""

# kbit/s by index, for (MPEG version, layer); ISO/IEC 11172-3 and 13818-3
BIT_RATES = {
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
SAMPLE_RATES = (44_100, 48_000, 32_000)  # Hz, of MPEG-1; half of it in MPEG-2, a quarter in MPEG-2.5
DIVISORS = {3: 1, 2: 2, 0: 4}  # by the version's bits
CODECS = ("mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float")


def frame_bytes(packet: bytes) -> int | None:
    """Return the length in bytes of the frame that a packet begins with; None where its header gives none."""
    if len(packet) < 3 or packet[0] != 0xFF or packet[1] & 0xE0 != 0xE0:
        return None
    divisor, layer = DIVISORS.get(packet[1] >> 3 & 3), 4 - (packet[1] >> 1 & 3)
    bit_rate, rate, padding = packet[2] >> 4, packet[2] >> 2 & 3, packet[2] >> 1 & 1
    if divisor is None or layer == 4 or not 1 <= bit_rate <= 14 or rate == 3:  # 0 is a free format of any length
        return None
    bits_s, rate_hz = 1000 * BIT_RATES[min(divisor, 2), layer][bit_rate - 1], SAMPLE_RATES[rate] // divisor
    if layer == 1:
        return (12 * bits_s // rate_hz + padding) * 4
    return (72 if layer == 3 and divisor > 1 else 144) * bits_s // rate_hz + padding
