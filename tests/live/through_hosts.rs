//! Databases that only an SSH host can reach: the login to the host and the one to the database, each once.

use std::fs;

use super::ledger::{ended, item};
use super::site::{Site, host, login};
use crate::support::mariadb::Mariadb;
use crate::support::postgres::Postgres;
use crate::support::sshd::{Sshd, Wanted, write_private};

#[test]
fn databases_are_inspected_through_the_hosts_that_reach_them() {
    let sshd = Sshd::with(&Wanted { listen: &["127.0.0.1", "127.0.0.2"], ..Wanted::default() }).expect("sshd starts");
    let postgres = Postgres::start(&[("log_connections", "on"), ("shared_preload_libraries", "pg_stat_statements")], None);
    postgres.sql("postgres", "CREATE EXTENSION pg_stat_statements");
    postgres.sql("postgres", "CREATE ROLE ro LOGIN PASSWORD 'ro-words' IN ROLE pg_monitor");
    let mariadb = Mariadb::start(&[], None);
    mariadb.sql(
        "CREATE USER ro@127.0.0.1 IDENTIFIED BY 'ro-words'; GRANT SELECT, PROCESS, SLAVE MONITOR, BINLOG MONITOR ON *.* TO ro@127.0.0.1",
    );
    let site = Site::new();
    write_private(&site.path("words"), "ro-words\n");
    let inventory = format!(
        "inventory: test\nlogins:\n{}  - {{ id: ro, user: ro, password: {{ file: \"{}\" }} }}\ntargets:\n{}{}\
         \x20 - {{ id: pg, kind: postgres, on: bastion, via: [bastion], port: {}, login: ro, tls: disable }}\n\
         \x20 - {{ id: my, kind: mysql, address: 127.0.0.1, via: [bastion, inner], port: {}, login: ro, tls: disable }}\n",
        login("inspect", &sshd),
        site.path("words").display(),
        host("bastion", &sshd, "127.0.0.1", ""),
        host("inner", &sshd, "127.0.0.2", ""),
        postgres.port,
        mariadb.port,
    );
    site.file("inventory.yaml", &inventory);
    site.file(
        "playbook.yaml",
        "playbook: databases\ntargets: target.kind in [\"postgres\", \"mysql\"]\nschedule: by-hand\nchecks:\n  \
         - { use: postgres-daily, as: pg }\n  - { use: mysql-daily, as: my }\n",
    );
    let ran = site.run_json("databases");
    site.ledger().assert_tells(&ran);
    let report = ran.json();
    for word in ["error", "unreachable", "timed-out", "not-run"] {
        assert_eq!(ended(&report, word), Vec::<String>::new(), "{}", ran.complaints());
    }
    for target in ["pg", "my"] {
        assert_eq!(item(&report, target, "reachable")["outcome"], "ok");
    }
    // One to the bastion for each database, and one to the inner host behind it.
    assert_eq!(sshd.logged("Accepted publickey"), 3, "{}", sshd.log());
    let log = fs::read_to_string(postgres.socket_folder().join("log")).expect("its log");
    for database in ["postgres", "template1"] {
        let logins = log.lines().filter(|line| line.contains(&format!("connection authorized: user=ro database={database}")));
        assert_eq!(logins.count(), 1, "{database}: {log}");
    }
}

#[test]
fn a_bastion_that_is_gone_costs_only_what_is_behind_it() {
    let sshd = Sshd::with(&Wanted { listen: &["127.0.0.1", "127.0.0.2"], ..Wanted::default() }).expect("sshd starts");
    let site = Site::new();
    let bastion = host("bastion", &sshd, "127.0.0.1", "").replace(&format!("port: {}", sshd.port()), "port: 1");
    let behind = "  - { id: pg, kind: postgres, on: bastion, via: [bastion], login: inspect, tls: disable }\n";
    let inventory =
        format!("inventory: test\nlogins:\n{}targets:\n{bastion}{}{behind}", login("inspect", &sshd), host("web1", &sshd, "127.0.0.2", ""));
    site.file("inventory.yaml", &inventory);
    site.file(
        "playbook.yaml",
        "playbook: both\ntargets: [web1, pg]\nschedule: by-hand\nchecks:\n  - { id: load, check: load }\n  - { id: sessions, check: postgres-connections }\n",
    );
    let ran = site.run_json("both");
    let mut ledger = site.ledger();
    ledger.assert_tells(&ran);
    let outcome = |ledger: &mut super::ledger::Ledger, target: &str, line: &str| ledger.outcome(ran.run_id(), target, line);
    assert_eq!(outcome(&mut ledger, "web1", "reachable"), "ok");
    assert_eq!(outcome(&mut ledger, "pg", "reachable"), "crit");
    assert_eq!(outcome(&mut ledger, "pg", "sessions"), "unreachable");
}
