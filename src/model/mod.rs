//! The words of the product as types: no I/O, no async, no knowledge of any one check or transport.

pub mod item;
pub mod message;
pub mod outcome;
pub mod probe;
pub mod problem;
pub mod proof;
pub mod run;
pub mod tally;
pub mod target;
pub mod text;
pub mod unit;
pub mod untrusted;
pub mod value;

pub use item::{Attempt, ItemKey, ItemKind, ItemRecord, Mark, RowRecord, RowsAre, Rule, Standard};
pub use message::Message;
pub use outcome::{Outcome, Verdict};
pub use probe::{Capture, Ended, Probe};
pub use problem::problem_key;
pub use proof::{Proof, Shown, proof, shown};
pub use run::{RunHead, RunRecord, RunState};
pub use tally::Tally;
pub use target::{Kind, Login, Person, SecretRef, System, Target};
pub use text::{Lang, Phrase, Text};
pub use untrusted::Untrusted;
pub use value::{FieldType, Row, Value};
