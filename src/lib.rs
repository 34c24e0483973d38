//! Makes the rounds of an enterprise's systems.

pub mod check;
pub mod checks;
pub mod inventory;
pub mod expr;
pub mod columns;
pub mod compare;
pub mod judge;
pub mod model;
pub mod playbook;
pub mod quantity;
pub mod recorded;
pub mod schedule;
pub mod report;
pub mod secret;
pub mod store;
pub mod transport;
pub mod yaml;
