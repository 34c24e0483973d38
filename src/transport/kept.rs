//! What is kept of an answer: its head and its tail, within a cap, however long it is.

use std::collections::VecDeque;

/// Bytes within a cap: half of it from the head of what came, half from its tail.
#[derive(Debug)]
pub(super) struct Kept {
    half: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: bool,
}

impl Kept {
    /// Nothing yet; at most `cap` bytes ever.
    pub(super) const fn new(cap: usize) -> Self {
        Self { half: cap / 2, head: Vec::new(), tail: VecDeque::new(), dropped: false }
    }

    /// Takes in what came next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(self.half - self.head.len()));
        self.head.extend_from_slice(head);
        // What cannot survive is not even copied.
        let fresh = &rest[rest.len().saturating_sub(self.half)..];
        let overflow = (self.tail.len() + fresh.len()).saturating_sub(self.half);
        self.dropped |= overflow > 0 || fresh.len() < rest.len();
        self.tail.drain(..overflow);
        self.tail.extend(fresh);
    }

    /// The bytes kept, and whether any between head and tail were dropped.
    pub(super) fn into_parts(self) -> (Vec<u8>, bool) {
        let mut bytes = self.head;
        bytes.extend(self.tail);
        (bytes, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_fits_is_kept_whole() {
        let mut kept = Kept::new(8);
        kept.push(b"abcde");
        kept.push(b"fgh");
        assert_eq!(kept.into_parts(), (b"abcdefgh".to_vec(), false));
    }

    #[test]
    fn of_what_does_not_fit_head_and_tail_are_kept() {
        let mut kept = Kept::new(8);
        kept.push(b"abcdefg");
        kept.push(b"hi");
        assert_eq!(kept.into_parts(), (b"abcdfghi".to_vec(), true));
    }

    proptest! {
        #[test]
        fn the_pieces_it_comes_in_make_no_difference(bytes in proptest::collection::vec(any::<u8>(), 0..60), piece in 1_usize..20, half in 1_usize..20) {
            let mut kept = Kept::new(half * 2);
            bytes.chunks(piece).for_each(|piece| kept.push(piece));
            let expected = if bytes.len() <= half * 2 { bytes.clone() } else { [&bytes[..half], &bytes[bytes.len() - half..]].concat() };
            prop_assert_eq!(kept.into_parts(), (expected, bytes.len() > half * 2));
        }
    }
}
