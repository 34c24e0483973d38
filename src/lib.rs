//! Makes the rounds of an enterprise's systems.

pub mod check;
pub mod checks;
pub mod model;
pub mod quantity;
pub mod recorded;
pub mod report;
pub mod secret;
pub mod transport;
