//! The catalogue of checks. One check is one file here and two lines below: its module, and its entry.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "recorded numbers are compared with what was recorded"))]

use crate::check::Entry;

pub mod accounts;
pub mod allowed;
mod argv;
pub mod backup_age;
pub mod clock;
pub mod cpu;
pub mod disk_io;
pub mod disk_space;
pub mod dns;
pub mod exec;
pub mod failed_units;
pub mod file_handles;
pub mod file_state;
pub mod firewall;
mod frame;
pub mod http;
pub mod http_flow;
pub mod inodes;
pub mod interface_errors;
pub mod kernel_errors;
mod kernel_log;
pub mod listening_ports;
pub mod load;
pub mod log_errors;
pub mod log_size;
mod log_time;
pub mod memory;
pub mod mysql_accounts;
pub mod mysql_auto_increment;
pub mod mysql_connections;
pub mod mysql_database_size;
pub mod mysql_locks;
pub mod mysql_log_size;
pub mod mysql_long_running;
pub mod mysql_replication_lag;
pub mod mysql_slow_queries;
pub mod nagios_plugin;
pub mod oom_kills;
pub mod package;
pub mod patches;
mod patterns;
pub mod ping;
pub mod postgres_bloat;
pub mod postgres_connections;
pub mod postgres_database_size;
pub mod postgres_locks;
pub mod postgres_log_size;
pub mod postgres_long_running;
pub mod postgres_replication_lag;
pub mod postgres_slow_queries;
pub mod postgres_xid_age;
pub mod processes;
pub mod raid;
pub mod read_only_mounts;
pub mod read_output;
pub mod services;
pub mod smart;
pub mod sql;
pub mod sqlite_integrity;
pub mod sshd_settings;
pub mod swap;
pub mod sysctl;
pub mod tcp_port;
pub mod tcp_retransmission;
pub mod tls_certificate;
pub mod uptime;
pub mod zombies;

// What several checks share.
pub mod bind_value;
mod daily_rate;
mod lock_waits;
pub mod no_params;
mod parts;
mod procfs;
mod records;
mod rights;
mod rulesets;
mod sessions;
mod statement_text;

mod weak_passwords;

mod status_rule;
mod web;

#[cfg(test)]
mod fragments;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod testing;

/// Every check, by id. Ids that were retired are never used again.
pub static CATALOGUE: &[Entry] = &[
    Entry::of::<accounts::Accounts>(),
    Entry::of::<backup_age::BackupAge>(),
    Entry::of::<clock::Clock>(),
    Entry::of::<cpu::Cpu>(),
    Entry::of::<disk_io::DiskIo>(),
    Entry::of::<disk_space::DiskSpace>(),
    Entry::of::<dns::Dns>(),
    Entry::of::<exec::Exec>(),
    Entry::of::<failed_units::FailedUnits>(),
    Entry::of::<file_handles::FileHandles>(),
    Entry::of::<file_state::FileState>(),
    Entry::of::<firewall::Firewall>(),
    Entry::of::<http::Http>(),
    Entry::of::<http_flow::HttpFlow>(),
    Entry::of::<inodes::Inodes>(),
    Entry::of::<interface_errors::InterfaceErrors>(),
    Entry::of::<kernel_errors::KernelErrors>(),
    Entry::of::<listening_ports::ListeningPorts>(),
    Entry::of::<load::Load>(),
    Entry::of::<log_errors::LogErrors>(),
    Entry::of::<log_size::LogSize>(),
    Entry::of::<memory::Memory>(),
    Entry::of::<mysql_accounts::MysqlAccounts>(),
    Entry::of::<mysql_auto_increment::MysqlAutoIncrement>(),
    Entry::of::<mysql_connections::MysqlConnections>(),
    Entry::of::<mysql_database_size::MysqlDatabaseSize>(),
    Entry::of::<mysql_locks::MysqlLocks>(),
    Entry::of::<mysql_log_size::MysqlLogSize>(),
    Entry::of::<mysql_long_running::MysqlLongRunning>(),
    Entry::of::<mysql_replication_lag::MysqlReplicationLag>(),
    Entry::of::<mysql_slow_queries::MysqlSlowQueries>(),
    Entry::of::<nagios_plugin::NagiosPlugin>(),
    Entry::of::<oom_kills::OomKills>(),
    Entry::of::<package::Package>(),
    Entry::of::<patches::Patches>(),
    Entry::of::<ping::Ping>(),
    Entry::of::<postgres_bloat::PostgresBloat>(),
    Entry::of::<postgres_connections::PostgresConnections>(),
    Entry::of::<postgres_database_size::PostgresDatabaseSize>(),
    Entry::of::<postgres_locks::PostgresLocks>(),
    Entry::of::<postgres_log_size::PostgresLogSize>(),
    Entry::of::<postgres_long_running::PostgresLongRunning>(),
    Entry::of::<postgres_replication_lag::PostgresReplicationLag>(),
    Entry::of::<postgres_slow_queries::PostgresSlowQueries>(),
    Entry::of::<postgres_xid_age::PostgresXidAge>(),
    Entry::of::<processes::Processes>(),
    Entry::of::<raid::Raid>(),
    Entry::of::<read_only_mounts::ReadOnlyMounts>(),
    Entry::of::<services::Services>(),
    Entry::of::<smart::Smart>(),
    Entry::of::<sql::Sql>(),
    Entry::of::<sqlite_integrity::SqliteIntegrity>(),
    Entry::of::<sshd_settings::SshdSettings>(),
    Entry::of::<swap::Swap>(),
    Entry::of::<sysctl::Sysctl>(),
    Entry::of::<tcp_port::TcpPort>(),
    Entry::of::<tcp_retransmission::TcpRetransmission>(),
    Entry::of::<tls_certificate::TlsCertificate>(),
    Entry::of::<uptime::Uptime>(),
    Entry::of::<zombies::Zombies>(),
];

/// The check whose id is `id`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().find(|entry| entry.meta.id == id)
}
