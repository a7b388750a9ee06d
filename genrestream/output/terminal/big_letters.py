"""Words in letters several rows high, drawn with half blocks, or with # where there is only ASCII."""

# Five rows of pixels each.
FONT = {
    "A": "### #.# ### #.# #.#", "B": "##. #.# ##. #.# ##.", "C": "### #.. #.. #.. ###", "D": "##. #.# #.# #.# ##.",
    "E": "### #.. ##. #.. ###", "F": "### #.. ##. #.. #..", "G": "### #.. #.# #.# ###", "H": "#.# #.# ### #.# #.#",
    "I": "# # # # #", "J": "..# ..# ..# #.# ###", "K": "#.# #.# ##. #.# #.#", "L": "#.. #.. #.. #.. ###",
    "M": "#...# ##.## #.#.# #...# #...#", "N": "#..# ##.# #.## #..# #..#", "O": "### #.# #.# #.# ###",
    "P": "### #.# ### #.. #..", "Q": "### #.# #.# ### ..#", "R": "##. #.# ##. #.# #.#", "S": "### #.. ### ..# ###",
    "T": "### .#. .#. .#. .#.", "U": "#.# #.# #.# #.# ###", "V": "#.# #.# #.# #.# .#.",
    "W": "#...# #...# #.#.# ##.## #...#", "X": "#.# #.# .#. #.# #.#", "Y": "#.# #.# ### .#. .#.",
    "Z": "### ..# .#. #.. ###", "0": "### #.# #.# #.# ###", "1": ".#. ##. .#. .#. ###", "2": "### ..# ### #.. ###",
    "3": "### ..# .## ..# ###", "4": "#.# #.# ### ..# ..#", "5": "### #.. ### ..# ###", "6": "### #.. ### #.# ###",
    "7": "### ..# ..# .#. .#.", "8": "### #.# ### #.# ###", "9": "### #.# ### ..# ###", " ": ".. .. .. .. ..",
    ".": ". . . . #", "-": "... ... ### ... ...", "+": "... .#. ### .#. ...", "/": "..# ..# .#. #.. #..",
    "&": ".#. #.# .#. #.# .##", "'": "# # . . .", ">": "#.. .#. ..# .#. #..", "›": "#.. .#. ..# .#. #..",
    "_": "... ... ... ... ###",
}  # fmt: skip
HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
# Sizes of a pixel, large to small: cells wide, half rows high.
SIZES = ((3, 3), (2, 2), (1, 1))
ASCII_SIZES = ((2, 2), (1, 2))


def n_rows(room: int, is_ascii: bool) -> int:
    """Return how many of so many rows letters can use; 1, for plain text, where there is too little room."""
    sizes = ASCII_SIZES if is_ascii else SIZES
    return max((rows for _, halves in sizes if (rows := _rows(halves, is_ascii)) <= room), default=1)


def drawn(word: str, width: int, room: int, is_ascii: bool) -> list[str] | None:
    """Return a word as rows of text, as large as fits.

    Args:
        word: The word; small letters are drawn as capitals.
        width: Cells that a row may have.
        room: How many rows there may be.
        is_ascii: Whether only ``#`` may be used.

    Returns:
        The rows, all of one width; None where the word does not fit or has characters that the font lacks.
    """
    if not word or not all(char in FONT for char in word.upper()):
        return None
    pixels = _pixels(word.upper())
    for cells, halves in ASCII_SIZES if is_ascii else SIZES:
        if cells * len(pixels[0]) <= width and _rows(halves, is_ascii) <= room:
            return _scaled(pixels, cells, halves, is_ascii)
    return None


def _rows(halves: int, is_ascii: bool) -> int:
    """Return how many rows letters take, with half a row or a whole one of space above and under them."""
    return 5 if is_ascii else (5 * halves + 3) // 2


def _pixels(word: str) -> list[list[bool]]:
    """Return five rows of pixels, a column of empty ones between letters."""
    letters = [FONT[char].split() for char in word]
    return [[pixel == "#" for pixel in ".".join(letter[row] for letter in letters)] for row in range(5)]


def _scaled(pixels: list[list[bool]], cells: int, halves: int, is_ascii: bool) -> list[str]:
    halved = [[pixel for pixel in row for _ in range(cells)] for row in pixels for _ in range(halves)]
    empty = [[False] * len(halved[0])]
    if is_ascii:
        return ["".join(" #"[pixel] for pixel in row) for row in halved[::2]]
    halved = empty + halved + empty * (1 + halves % 2)
    return [
        "".join(map(HALVES.__getitem__, zip(*rows, strict=True)))
        for rows in zip(halved[::2], halved[1::2], strict=True)
    ]
