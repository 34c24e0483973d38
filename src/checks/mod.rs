//! The catalogue of checks. One check is one file here and two lines below: its module, and its entry.

use crate::check::Entry;

pub mod accounts;
pub mod allowed;
mod argv;
pub mod backup_age;
pub mod disk_space;
pub mod exec;
pub mod file_state;
mod frame;
pub mod kernel_errors;
mod kernel_log;
pub mod log_errors;
pub mod log_size;
mod log_time;
pub mod nagios_plugin;
pub mod oom_kills;
pub mod package;
pub mod patches;
mod patterns;
pub mod raid;
pub mod read_output;
pub mod smart;
pub mod sshd_settings;
pub mod sysctl;

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod testing;

/// Every check, by id. Ids that were retired are never used again.
pub static CATALOGUE: &[Entry] = &[
    Entry::of::<accounts::Accounts>(),
    Entry::of::<backup_age::BackupAge>(),
    Entry::of::<disk_space::DiskSpace>(),
    Entry::of::<exec::Exec>(),
    Entry::of::<file_state::FileState>(),
    Entry::of::<kernel_errors::KernelErrors>(),
    Entry::of::<log_errors::LogErrors>(),
    Entry::of::<log_size::LogSize>(),
    Entry::of::<nagios_plugin::NagiosPlugin>(),
    Entry::of::<oom_kills::OomKills>(),
    Entry::of::<package::Package>(),
    Entry::of::<patches::Patches>(),
    Entry::of::<raid::Raid>(),
    Entry::of::<smart::Smart>(),
    Entry::of::<sshd_settings::SshdSettings>(),
    Entry::of::<sysctl::Sysctl>(),
];

/// The check whose id is `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.meta.id == id)
}
