//! The embedded fonts: a text font with the 8,105 characters of the Chinese standard table, and a monospaced one.

use std::collections::HashSet;
use std::sync::LazyLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

/// The font files, from `report-templates/fonts/`; `make.py` there made them.
pub const FILES: [&[u8]; 3] = [
    include_bytes!("../../../report-templates/fonts/NotoSansCJKsc-Regular.otf"),
    include_bytes!("../../../report-templates/fonts/NotoSansCJKsc-Bold.otf"),
    include_bytes!("../../../report-templates/fonts/DejaVuSansMono.ttf"),
];

/// The fonts, and what the typesetter knows of them.
pub(super) struct Fonts {
    pub(super) book: LazyHash<FontBook>,
    pub(super) fonts: Vec<Font>,
}

pub(super) static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let fonts: Vec<Font> = FILES.into_iter().flat_map(|file| Font::iter(Bytes::new(file))).collect();
    Fonts { book: LazyHash::new(FontBook::from_fonts(&fonts)), fonts }
});

/// Every character that some font has; each mark among them is in all fonts, so that no cluster is torn apart.
static COVERED: LazyLock<HashSet<char>> = LazyLock::new(|| FILES.into_iter().flat_map(characters).collect());

/// Whether a character can be drawn.
#[must_use]
pub fn covers(c: char) -> bool {
    // Most of all text is plain ASCII.
    matches!(c, ' '..='~') || COVERED.contains(&c)
}

/// The characters of a font file; none when it cannot be read.
fn characters(file: &[u8]) -> Vec<char> {
    let mut characters = Vec::new();
    let Ok(face) = ttf_parser::Face::parse(file, 0) else { return characters };
    for table in face.tables().cmap.iter().flat_map(|cmap| cmap.subtables).filter(ttf_parser::cmap::Subtable::is_unicode) {
        table.codepoints(|code| {
            let has_glyph = table.glyph_index(code).is_some_and(|glyph| glyph.0 != 0);
            characters.extend(char::from_u32(code).filter(|_| has_glyph));
        });
    }
    characters
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = include_str!("../../../report-templates/fonts/tongyong-guifan-hanzi.txt");

    #[test]
    fn both_weights_have_the_whole_standard_table_and_the_same_characters() {
        let table: HashSet<char> = TABLE.chars().filter(|c| *c != '\n').collect();
        assert_eq!(table.len(), 8_105);
        let [regular, bold, _] = FILES.map(|file| characters(file).into_iter().collect::<HashSet<char>>());
        assert!(table.is_subset(&regular), "regular lacks some");
        assert_eq!(regular, bold);
    }

    #[test]
    fn a_combining_mark_is_in_all_fonts_or_in_none() {
        let sets = FILES.map(|file| characters(file).into_iter().collect::<HashSet<char>>());
        for mark in '\u{300}'..='\u{36f}' {
            let having = sets.iter().filter(|set| set.contains(&mark)).count();
            assert!(having == 0 || having == sets.len(), "{:?} is in {having} of {}", mark, sets.len());
        }
    }

    #[test]
    fn what_no_font_has_is_known() {
        assert!(covers('中') && covers('█') && covers('é'));
        assert!(!covers('😀') && !covers('\u{202e}') && !covers('\u{0}'));
    }
}
