//! YAML as people wrote it: a tree of nodes with spans, read strictly, with every fault pointing at its line.
//!
//! The language has no anchors, aliases, merge keys or tags (reuse is `part:`), so that no file can mean more
//! than what stands in it, or unfold into more than its own size.

mod fault;
mod node;
mod parse;
mod read;

pub use fault::{Fault, Faults, Severity};
pub use node::{FileId, Key, Node, NodeValue, Scalar, Source, Sources, Span, Spanned};
pub use parse::{MAX_BYTES, parse};
pub use read::{MapReader, looks_typed};
