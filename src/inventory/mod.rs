//! The inventory: systems, targets, people and logins, from YAML, CSV and Ansible's JSON.

pub mod document;
pub mod lists;
pub mod ranges;
