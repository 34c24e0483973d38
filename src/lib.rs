//! Makes the rounds of an enterprise's systems.

pub mod check;
pub mod checks;
pub mod columns;
pub mod model;
pub mod quantity;
pub mod read_only;
pub mod recorded;
pub mod secret;
pub mod transport;
