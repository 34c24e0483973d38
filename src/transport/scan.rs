//! Tells frames from data in one stream of a script's output, in whatever pieces it arrives.

/// The byte that every frame begins with.
pub(super) const RECORD: char = '\u{1e}';

/// Longest frame after the mark; ours are far shorter unless a great many processes cannot be ended.
const LONGEST: usize = 4096;

/// A frame could not be read: only a fault of ours, or a target that knows the mark, brings it about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct EndlessFrame;

/// One piece of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// What the target says.
    Data(&'a [u8]),
    /// What the script says: the words after the mark.
    Frame(&'a [u8]),
}

/// Finds frames: record separator, mark, a blank, words, line end. A frame may stand anywhere, even within a line.
#[derive(Debug)]
pub(super) struct Scan {
    prefix: Vec<u8>,
    pending: Vec<u8>,
}

impl Scan {
    pub(super) fn new(mark: &str) -> Self {
        Self { prefix: format!("{RECORD}{mark} ").into_bytes(), pending: Vec::new() }
    }

    /// Takes in what came next and hands on what is certain; holds back what may be the begin of a frame.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(Token<'_>)) -> Result<(), EndlessFrame> {
        // Without anything held back, the bytes are looked at where they lie.
        let joined;
        let mut rest: &[u8] = if self.pending.is_empty() {
            bytes
        } else {
            joined = [&std::mem::take(&mut self.pending), bytes].concat();
            &joined
        };
        while let Some(at) = self.candidate(rest) {
            let (data, from_mark) = rest.split_at(at);
            if !data.is_empty() {
                each(Token::Data(data));
            }
            let Some(words) = from_mark.strip_prefix(&*self.prefix) else {
                self.pending = from_mark.to_vec();
                return Ok(());
            };
            let Some(end) = words.iter().position(|&byte| byte == b'\n') else {
                if words.len() > LONGEST {
                    return Err(EndlessFrame);
                }
                self.pending = from_mark.to_vec();
                return Ok(());
            };
            each(Token::Frame(&words[..end]));
            rest = &words[end + 1..];
        }
        if !rest.is_empty() {
            each(Token::Data(rest));
        }
        Ok(())
    }

    /// Hands on what was held back, once nothing more can come.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Token<'_>)) {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            each(Token::Data(&rest));
        }
    }

    /// Where a frame begins, or may begin once more bytes have come.
    fn candidate(&self, bytes: &[u8]) -> Option<usize> {
        let mut from = 0;
        while let Some(found) = bytes[from..].iter().position(|&byte| byte == self.prefix[0]) {
            let at = from + found;
            let seen = &bytes[at..bytes.len().min(at + self.prefix.len())];
            if self.prefix.starts_with(seen) {
                return Some(at);
            }
            from = at + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> (Vec<u8>, Vec<String>) {
        let mut scan = Scan::new("abc");
        let (mut data, mut frames) = (Vec::new(), Vec::new());
        let mut each = |token: Token<'_>| match token {
            Token::Data(bytes) => data.extend_from_slice(bytes),
            Token::Frame(words) => frames.push(String::from_utf8_lossy(words).into_owned()),
        };
        for piece in pieces {
            scan.push(piece, &mut each).unwrap();
        }
        scan.finish(&mut each);
        (data, frames)
    }

    #[test]
    fn a_frame_is_found_within_a_line() {
        assert_eq!(read(&[b"one\x1eabc b 1\ntwo"]), (b"onetwo".to_vec(), vec!["b 1".to_owned()]));
    }

    #[test]
    fn what_only_begins_like_a_frame_is_data() {
        let text = b"\x1eab \x1e\x1eabcd\n\x1eabc";
        assert_eq!(read(&[text]), (text.to_vec(), Vec::new()));
    }

    #[test]
    fn a_frame_without_end_is_refused_instead_of_kept() {
        let mut scan = Scan::new("abc");
        scan.push(b"\x1eabc ", |_| ()).unwrap();
        assert_eq!(scan.push(&[b'x'; LONGEST + 1], |_| ()), Err(EndlessFrame));
    }

    proptest! {
        #[test]
        fn the_pieces_it_comes_in_make_no_difference(size in 1_usize..9) {
            let text = b"a\x1eabc b 1\n\x1e\x1eab\x1eabc e 1 0\n\x1eabc z 1\nend\x1e";
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            prop_assert_eq!(read(&pieces), (b"a\x1e\x1eabend\x1e".to_vec(), vec!["b 1".to_owned(), "e 1 0".to_owned(), "z 1".to_owned()]));
        }
    }
}
