//! Makes the rounds of an enterprise's systems: inspects servers, databases and applications as playbooks say, judges what
//! it read, records it and reports it.
//!
//! # Words
//!
//! A **playbook** says which checks are made on which targets, and when. A **check** is one entry of the catalogue. A
//! **probe** is its read-only question, as data; a **capture** is the raw answer; **rows** are what a check reads from its
//! captures. A **verdict** is ok, info, warn or crit; an **outcome** is a verdict, or why there is none. An **item** is one
//! check on one target; a **run** is one execution of one playbook.
//!
//! # A walk through one run
//!
//! `rounds run linux-daily` takes this way, in one direction:
//!
//! 1. [`cli`] reads the command line and finds the site's directory; [`yaml`] reads its files into trees of nodes that know
//!    their place.
//! 2. [`inventory`] resolves systems, targets and logins; [`playbook`] reads the documents as written
//!    ([`playbook::document`]) and resolves them to a [`playbook::Plan`]: **every item by name**, with its probes and with
//!    its rules compiled by [`expr`]. Every fault so far points at a line; nothing has been asked yet.
//! 3. [`round`] begins the run in the [`store`] and starts the [`runner`]: one session a target ([`transport`]), all probes of
//!    a target in one batch, every wait limited, a hanging target costing its own items only.
//! 4. Captures come back; the check that asked parses them into rows ([`check`], [`checks`]); [`judge`] turns rows, rules,
//!    earlier rows and the time into an outcome. This is a pure function.
//! 5. Items leave the runner as events on one bounded channel; [`round`] records them in the [`store`], target by target.
//!    Ending the run asserts that each planned item has exactly one outcome: the ledger balances, or the run is no result.
//! 6. The run is read back from the store and [`report`] puts it into words once and draws it as HTML, PDF, JSON, CSV or
//!    JUnit XML. [`cli`] prints the summary and maps the outcomes to an exit code ([`cli::exit`]).
//!
//! # Layers
//!
//! A file imports its own folder, its own layer where that makes no cycle, and lower layers. `tests/layers.rs` holds this
//! table; the lines below are in its order.
//!
//! | layer | what it is | modules |
//! |---|---|---|
//! | 0 | the words above as types; no I/O, no async | [`model`] |
//! | 1 | the ground: what a check is, languages, transports, the ledger on disk | [`check`], [`columns`], [`compare`], [`expr`], [`nearest`], [`quantity`], [`read_only`], [`recorded`], [`secret`], [`store`], [`transport`], [`yaml`] |
//! | 2 | what people write and pick from | [`checks`] (one check a file), [`inventory`], [`schedule`] |
//! | 3 | from what is written and read to what is meant | [`basis`], [`judge`], [`playbook`] |
//! | 4 | the two ends of a run; they meet in the store alone | [`report`], [`runner`] |
//! | 5 | a whole round, or one judged again, for whoever starts it | [`replay`], [`round`] |
//! | 6 | the command line | [`cli`] |
//!
//! Effects are at the edge: [`transport`], [`runner`], [`store`], [`round`] and [`cli`] do I/O; everything else is data and
//! functions of data. That is why stored captures can be judged again offline, and playbooks tested without a target.
//!
//! # Rules of the house
//!
//! - Could not look is never "fine": no default for a value that was not read, no line skipped that was not understood.
//! - Text from a target is [`model::Untrusted`] until a renderer escaped it; it is never a template, a command or a path.
//! - A secret is a reference until it is used ([`secret`]) and a type without `Display` after.
//! - One more check is one new file and two lines in [`checks`]; `CONTRIBUTING.md` works one through.

// Layer 0
pub mod model;

// Layer 1
pub mod check;
pub mod checks;
pub mod cli;
pub mod columns;
pub mod compare;
pub mod expr;
pub mod nearest;
pub mod quantity;
pub mod read_only;
pub mod recorded;
pub mod secret;
pub mod store;
pub mod transport;
pub mod yaml;

// Layer 2
pub mod inventory;
pub mod schedule;

// Layer 3
pub mod basis;
pub mod judge;
pub mod playbook;

// Layer 4
pub mod report;
pub mod runner;

// Layer 5
pub mod replay;
pub mod round;

// Layer 6
