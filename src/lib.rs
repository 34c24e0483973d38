//! Makes the rounds of an enterprise's systems.

pub mod basis;
pub mod check;
pub mod checks;
pub mod cli;
pub mod columns;
pub mod compare;
pub mod expr;
pub mod inventory;
pub mod judge;
pub mod model;
pub mod playbook;
pub mod quantity;
pub mod read_only;
pub mod recorded;
pub mod report;
pub mod round;
pub mod runner;
pub mod schedule;
pub mod secret;
pub mod shipped;
pub mod store;
pub mod transport;
pub mod yaml;
