#!/usr/bin/env python3
"""Makes the embedded fonts of the PDF reports.

Needs: fonttools (PyPI, tried with 4.x), and Debian's fonts-noto-cjk, fonts-dejavu-core and unicode-data.
Run it in this folder: `python3 make.py`. It writes the three font files and, where it is missing,
`tongyong-guifan-hanzi.txt`, and fails when a promise below does not hold. The output depends on the
versions of the source fonts alone: a second run gives the same bytes.

Promises, which `tests/report.rs` checks again from the finished files:
- the 8,105 characters of the Table of General Standard Chinese Characters are in both weights;
- both weights of the text font cover the same characters;
- a combining mark is either in all the fonts or in none, so that no cluster is torn between two of them.
"""

import bz2
import pathlib
import unicodedata

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

HERE = pathlib.Path(__file__).parent
TABLE = HERE / "tongyong-guifan-hanzi.txt"
UNIHAN = "/usr/share/unicode/Unihan_OtherMappings.txt.bz2"
NOTO = "/usr/share/fonts/opentype/noto/NotoSansCJK-{}.ttc"
DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
FAMILY = "Noto Sans CJK SC"

# Latin, Greek, Cyrillic, punctuation, arrows, mathematics, boxes, shapes, signs, kana, full-width forms:
# what logs, file names and our own templates hold beside Chinese.
RANGES = [
    (0x0020, 0x007E), (0x00A0, 0x00AC), (0x00AE, 0x024F), (0x0250, 0x02FF), (0x0300, 0x036F), (0x0370, 0x03FF),
    (0x0400, 0x052F), (0x1E00, 0x1EFF), (0x2000, 0x200A), (0x2010, 0x2027), (0x2030, 0x205E), (0x2070, 0x209F),
    (0x20A0, 0x20BF), (0x2100, 0x214F), (0x2150, 0x218F), (0x2190, 0x21FF), (0x2200, 0x22FF), (0x2300, 0x23FF),
    (0x2400, 0x243F), (0x2460, 0x24FF), (0x2500, 0x257F), (0x2580, 0x259F), (0x25A0, 0x25FF), (0x2600, 0x26FF),
    (0x2700, 0x27BF), (0x27E0, 0x27FF), (0x2800, 0x28FF), (0x2E80, 0x2FDF), (0x3000, 0x303F), (0x3041, 0x30FF),
    (0x3105, 0x312F), (0x3200, 0x33FF), (0xFE30, 0xFE4F), (0xFF01, 0xFF9F), (0xFFE0, 0xFFE6), (0xFFFD, 0xFFFD),
]


def hanzi() -> list[int]:
    """The 8,105 characters, in the table's own order; from Unihan's field kTGH."""
    if not TABLE.exists():
        numbered = []
        with bz2.open(UNIHAN, "rt", encoding="utf-8") as lines:
            for line in lines:
                fields = line.split()
                if len(fields) == 3 and fields[1] == "kTGH":
                    numbered.append((int(fields[2].removeprefix("2013:")), int(fields[0].removeprefix("U+"), 16)))
        numbered.sort()
        text = "".join(chr(code) for _, code in numbered)
        TABLE.write_text("\n".join(text[at : at + 81] for at in range(0, len(text), 81)) + "\n", encoding="utf-8")
    found = [ord(c) for c in TABLE.read_text(encoding="utf-8") if c != "\n"]
    assert len(found) == len(set(found)) == 8105, f"{len(found)} characters in {TABLE.name}"
    return found


def noto(weight: str) -> TTFont:
    for font in TTCollection(NOTO.format(weight)).fonts:
        if font["name"].getDebugName(1) == FAMILY or font["name"].getDebugName(16) == FAMILY:
            return font
    raise SystemExit(f"{NOTO.format(weight)} has no {FAMILY}")


def write(font: TTFont, name: str, wanted: set[int], hinting: bool) -> None:
    options = subset.Options()
    # Ligatures would make text that is copied or searched differ from what the target said.
    options.layout_features = ["kern", "ccmp", "locl", "mark", "mkmk"]
    options.hinting = hinting
    options.desubroutinize = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
    options.drop_tables += ["DSIG", "vhea", "vmtx", "VORG", "BASE"]
    options.recalc_timestamp = False
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=wanted)
    subsetter.subset(font)
    subset.save_font(font, str(HERE / name), options)
    size = (HERE / name).stat().st_size
    print(f"{name}: {len(font.getBestCmap())} characters, {size:,} bytes")


def main() -> None:
    table = set(hanzi())
    ranges = {code for first, last in RANGES for code in range(first, last + 1)}
    regular, bold, mono = noto("Regular"), noto("Bold"), TTFont(DEJAVU)
    in_both = set(regular.getBestCmap()) & set(bold.getBestCmap())
    assert table <= in_both, "the text font lacks characters of the table"
    in_mono = set(mono.getBestCmap())
    marks = {code for code in ranges if unicodedata.category(chr(code)).startswith("M")}
    shared_marks = marks & in_both & in_mono
    text = (table | ranges) & in_both - (marks - shared_marks)
    write(regular, "NotoSansCJKsc-Regular.otf", text, hinting=False)
    write(bold, "NotoSansCJKsc-Bold.otf", text, hinting=False)
    write(mono, "DejaVuSansMono.ttf", ranges & in_mono - (marks - shared_marks), hinting=False)


if __name__ == "__main__":
    main()
