//! Makes the rounds of an enterprise's systems.

pub mod check;
pub mod checks;
pub mod expr;
pub mod judge;
pub mod model;
pub mod quantity;
pub mod recorded;
pub mod secret;
pub mod transport;
