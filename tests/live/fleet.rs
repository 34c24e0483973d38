//! A fleet as people have it: hosts, a PostgreSQL, a MariaDB, a SQLite file and a web endpoint, inspected by the playbooks that ship.

use std::collections::BTreeSet;
use std::fs;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::runtime::Runtime;

use super::ledger::{ended, item};
use super::site::{Site, host, login};
use crate::support::certificates::Authority;
use crate::support::mariadb::Mariadb;
use crate::support::postgres::Postgres;
use crate::support::sshd::{Sshd, Wanted, write_private};
use crate::support::web::{Web, page};

const HOSTS: usize = 5;
const ADDRESSES: [&str; HOSTS] = ["127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5"];

const SHOP: &str =
    "playbook: shop-file\ntargets: [shop-file]\nschedule: by-hand\nchecks:\n  - { id: integrity, check: sqlite-integrity }\n";

const ALL: &str = "playbook: everything\nschedule: by-hand\nchecks:\n  - { use: linux-daily }\n  - { use: postgres-daily, as: pg }\n  \
                   - { use: mysql-daily, as: my }\n  - { use: web-application, as: web }\n  - { use: shop-file, as: file }\n";

struct Fleet {
    site: Site,
    sshd: Sshd,
    postgres: Postgres,
    mariadb: Mariadb,
    web: Web,
    _authority: Authority,
    _runtime: Runtime,
}

impl Fleet {
    fn start() -> Self {
        let sshd = Sshd::with(&Wanted { listen: &ADDRESSES, ..Wanted::default() }).expect("sshd starts");
        let postgres = Postgres::start(&[("log_connections", "on"), ("shared_preload_libraries", "pg_stat_statements")], None);
        postgres.sql("postgres", "CREATE EXTENSION pg_stat_statements");
        postgres.sql("postgres", "CREATE ROLE ro LOGIN PASSWORD 'ro-words' IN ROLE pg_monitor");
        postgres.sql("postgres", "CREATE DATABASE shop");
        postgres.sql("shop", "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 1000); ANALYZE");
        let mariadb = Mariadb::start(&[], None);
        mariadb.sql(
            "CREATE USER ro@127.0.0.1 IDENTIFIED BY 'ro-words'; \
             GRANT SELECT, PROCESS, SLAVE MONITOR, BINLOG MONITOR ON *.* TO ro@127.0.0.1; \
             CREATE DATABASE shop; CREATE TABLE shop.orders (id int AUTO_INCREMENT PRIMARY KEY); INSERT INTO shop.orders VALUES (1), (2)",
        );
        let authority = Authority::new("shop authority");
        let certificate = authority.sign("shop", "IP:127.0.0.1", 200);
        let runtime = Runtime::new().expect("a runtime");
        let web = runtime.block_on(Web::start_tls(&certificate.certificate, &certificate.key, |_| page(200, "welcome")));
        let site = Site::new();
        let file = site.path("shop.db");
        runtime.block_on(async {
            let mut shop = SqliteConnectOptions::new().filename(&file).create_if_missing(true).connect().await.expect("a file");
            sqlx::query("CREATE TABLE orders (id INTEGER PRIMARY KEY, name TEXT)").execute(&mut shop).await.expect("a table");
            shop.close().await.expect("it closes");
        });
        write_private(&site.path("words"), "ro-words\n");
        let words = site.path("words");
        let inventory = format!(
            "inventory: test\nlogins:\n{}  - {{ id: ro, user: ro, password: {{ file: \"{}\" }} }}\n\
             people: [{{ id: li-na, name: 李娜 }}]\nsystems: [{{ id: shop, name: {{ en: Shop, zh: 商城 }}, tier: core, owner: li-na }}]\n\
             defaults: [{{ system: shop }}]\ntargets:\n{}\
             \x20 - {{ id: shop-pg, kind: postgres, address: 127.0.0.1, port: {}, login: ro, tls: disable }}\n\
             \x20 - {{ id: shop-my, kind: mysql, address: 127.0.0.1, port: {}, login: ro, tls: disable }}\n\
             \x20 - {{ id: shop-file, kind: sqlite, path: \"{}\" }}\n\
             \x20 - {{ id: shop-web, kind: http, url: \"{}\", ca: \"{}\" }}\n",
            login("inspect", &sshd),
            words.display(),
            "  - { id: here, kind: host, address: local }\n".to_owned()
                + &host(&format!("web[1..{HOSTS}]"), &sshd, &format!("127.0.0.[1..{HOSTS}]"), ""),
            postgres.port,
            mariadb.port,
            file.display(),
            web.url("/").replace("http://", "https://"),
            authority.pem().display(),
        );
        site.file("inventory.yaml", &inventory).file("shop.yaml", SHOP).file("all.yaml", ALL);
        Self { site, sshd, postgres, mariadb, web, _authority: authority, _runtime: runtime }
    }

    /// How often each database was logged in to by our account.
    fn postgres_logins(&self, database: &str) -> usize {
        let log = fs::read_to_string(self.postgres.socket_folder().join("log")).expect("its log");
        log.lines().filter(|line| line.contains(&format!("connection authorized: user=ro database={database}"))).count()
    }

    fn mariadb_logins(&self) -> i64 {
        self.mariadb.sql("SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'connections'").parse().unwrap()
    }
}

#[test]
fn every_playbook_that_ships_balances_and_its_report_tells_what_the_store_holds() {
    let fleet = Fleet::start();
    for (playbook, targets) in
        [("linux-daily", HOSTS + 1), ("postgres-daily", 1), ("mysql-daily", 1), ("web-application", 1), ("shop-file", 1)]
    {
        let (hosts, pg, my) = (fleet.sshd.logged("Accepted publickey"), fleet.postgres_logins(""), fleet.mariadb_logins());
        let own = fleet.postgres_logins("postgres");
        let ran = fleet.site.run_json(playbook);
        let outcomes = fleet.site.ledger().assert_tells(&ran);
        let report = ran.json();
        // What this machine does not have (a journal, say) cannot be judged over SSH either; nothing else is left open.
        let here = unjudged(&report, "here");
        for target in report["items"].as_array().unwrap().iter().map(|item| item["target"].as_str().unwrap()) {
            assert_eq!(unjudged(&report, target), here, "{playbook} {target}");
        }
        assert_eq!(report["run"]["state"], "done");
        let has_problem = outcomes["warn"] + outcomes["crit"] > 0;
        let expected = if has_problem {
            1
        } else if here.is_empty() {
            0
        } else {
            2
        };
        assert_eq!(ran.status, Some(expected), "{playbook} {outcomes:?} {}", ran.complaints());
        let reached = report["items"].as_array().unwrap().iter().filter(|item| item["line"] == "reachable" && item["outcome"] == "ok");
        assert_eq!(reached.count(), targets, "{playbook}");
        // One login a target and run: each database of PostgreSQL that is looked into is one of its own, as the plan says.
        let is_hosts = playbook == "linux-daily";
        assert_eq!(fleet.sshd.logged("Accepted publickey") - hosts, if is_hosts { HOSTS } else { 0 }, "{playbook}");
        let is_postgres = usize::from(playbook == "postgres-daily");
        assert_eq!(fleet.postgres_logins("postgres") - own, is_postgres, "{playbook}");
        assert_eq!(fleet.postgres_logins("") - pg, 3 * is_postgres, "{playbook}: postgres, shop, template1");
        // Besides ours there is the one that asks.
        assert_eq!(fleet.mariadb_logins() - my, 1 + i64::from(playbook == "mysql-daily"), "{playbook}");
        if is_hosts {
            for address in ADDRESSES {
                // The test itself has knocked at the first one, to see whether the server is there.
                let came = fleet
                    .sshd
                    .log()
                    .lines()
                    .filter(|line| line.starts_with("Connection from") && line.contains(&format!(" on {address} ")))
                    .count();
                assert!(came == 1 || address == "127.0.0.1" && came <= 3, "{address}: {came}");
            }
        }
    }
}

#[test]
fn one_run_over_everything_is_one_ledger_and_a_second_one_has_what_to_compare_with() {
    let fleet = Fleet::start();
    let first = fleet.site.run_json("everything");
    fleet.site.ledger().assert_tells(&first);
    let second = fleet.site.run("everything");
    fleet.site.ledger().assert_tells(&second);
    let report = second.json();
    assert_eq!(report["since"]["run"], first.run_id());
    // Rates need an earlier value: the second run has one.
    let waiting = |report: &serde_json::Value| ended(report, "skipped").len();
    assert!(waiting(&report) < waiting(&first.json()), "{:#?}", ended(&report, "skipped"));
    for (target, line) in [("web1", "disk"), ("shop-pg", "pg.connections"), ("shop-my", "my.connections"), ("shop-web", "web.page")] {
        let item = item(&report, target, line);
        assert!(item["rows"].as_array().is_some_and(|rows| !rows.is_empty()), "{item}");
    }
    assert_eq!(fleet.web.requests().len(), 2, "the page was asked for once a run");
    for ending in [".en.html", ".zh.html", ".en.pdf", ".zh.pdf", ".en.csv", ".zh.json"] {
        assert!(second.report(ending).exists());
    }
}

/// The lines of a target that could not be judged, each with the way it ended.
fn unjudged(report: &serde_json::Value, target: &str) -> BTreeSet<String> {
    let is_open = |item: &&serde_json::Value| {
        item["target"] == target && ["error", "unreachable", "timed-out", "not-run"].iter().any(|word| item["outcome"] == *word)
    };
    let items = report["items"].as_array().expect("items").iter().filter(is_open);
    items.map(|item| format!("{} {}: {}", item["line"], item["outcome"], item["reason"])).collect()
}
