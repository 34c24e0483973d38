//! The playbook language: from documents as written to a plan as meant.

pub mod document;
mod lines;
mod params;
mod plan;
mod resolve;
mod rules;
pub mod settings;
pub mod shipped;
pub mod site;
pub mod waiver;

pub use plan::{ItemTexts, Plan, PlanLimits, PlannedCheck, PlannedItem, PlannedWaiver, PlannedWindow, Work};
pub use resolve::{Narrow, plan};
pub use rules::{ACROSS, CATALOGUE};
pub use site::Site;
