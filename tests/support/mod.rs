//! Servers of our own for tests: started on loopback in a temporary folder, ended with the value that holds them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

pub mod hostile;
pub mod sshd;
