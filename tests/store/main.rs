//! The store as its callers see it: runs, findings, history, retention, and what is left after a crash or a full disk.

mod crash;
mod findings;
mod fixtures;
mod history;
mod retention;
mod room;
mod runs;
mod speed;
