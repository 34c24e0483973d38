//! The playbook language: from documents as written to a plan as meant.

pub mod document;
pub mod settings;
pub mod site;
pub mod waiver;
