//! The playbook language, tried from outside: every rule broken on purpose, every form read, hostile files refused.

mod forms;
mod hostile;
mod precedence;
mod rules;
mod site;
