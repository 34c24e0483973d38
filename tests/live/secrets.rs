//! A canary: no secret appears in any byte that is written, compressed ones included, not even when everything is logged.

use std::fs;
use std::io::Read as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::DeflateDecoder;
use tokio::runtime::Runtime;

use super::site::{Site, host};
use crate::support::mariadb::Mariadb;
use crate::support::postgres::Postgres;
use crate::support::sshd::{Sshd, user, write_private};
use crate::support::web::{Reply, Web};

const BY_ENV: &str = "canary-of-env-4711";
const BY_FILE: &str = "canary-of-file-4712";
const BY_COMMAND: &str = "canary-of-command-4713";
const WRONG: &str = "canary-that-is-wrong-4714";
const PASSPHRASE: &str = "canary-of-passphrase-4715";
const TOKEN: &str = "canary-of-token-4716";

#[test]
fn no_secret_is_ever_written() {
    let runtime = Runtime::new().expect("a runtime");
    let sshd = Sshd::start();
    let encrypted = sshd.new_key("k_enc", &["-t", "ed25519", "-N", PASSPHRASE, "-a", "1"]);
    let postgres = Postgres::start(&[], None);
    postgres.sql("postgres", &format!("CREATE ROLE ro LOGIN PASSWORD '{BY_ENV}'; CREATE ROLE other LOGIN PASSWORD '{BY_FILE}'"));
    let mariadb = Mariadb::start(&[], None);
    mariadb.sql(&format!("CREATE USER ro@127.0.0.1 IDENTIFIED BY '{BY_COMMAND}'"));
    // It says back whatever it was told.
    let web =
        runtime.block_on(Web::start(|request| Reply::Page(200, vec![format!("X-Told: {}", request.head.len())], request.head.clone())));
    let mut site = Site::new();
    site.set("PG_WORDS", BY_ENV);
    site.set("TOKEN", TOKEN);
    site.set("ROUNDS_LOG", "trace");
    let secret = |name: &str, words: &str| {
        let path = site.path("site").join(name);
        write_private(&path, &format!("{words}\n"));
        path.display().to_string()
    };
    let (by_file, by_command) = (secret("by-file", BY_FILE), secret("by-command", BY_COMMAND));
    let (wrong, passphrase) = (secret("wrong", WRONG), secret("passphrase", PASSPHRASE));
    let (pg, my) = (postgres.port, mariadb.port);
    let database = |id: &str, kind: &str, port: u16, login: &str| {
        format!("  - {{ id: {id}, kind: {kind}, address: 127.0.0.1, port: {port}, login: {login}, tls: disable }}\n")
    };
    let inventory = format!(
        "inventory: test\nlogins:\n\
         \x20 - {{ id: inspect, user: {user}, key: {{ file: \"{key}\" }} }}\n\
         \x20 - {{ id: sealed, user: {user}, key: {{ file: \"{sealed}\" }}, passphrase: {{ file: \"{passphrase}\" }} }}\n\
         \x20 - {{ id: locked, user: {user}, key: {{ file: \"{sealed}\" }}, passphrase: {{ file: \"{wrong}\" }} }}\n\
         \x20 - {{ id: env, user: ro, password: {{ env: PG_WORDS }} }}\n\
         \x20 - {{ id: file, user: other, password: {{ file: \"{by_file}\" }} }}\n\
         \x20 - {{ id: command, user: ro, password: {{ command: [cat, \"{by_command}\"] }} }}\n\
         \x20 - {{ id: wrong, user: ro, password: {{ file: \"{wrong}\" }} }}\n\
         targets:\n{}{}{}{}{}{}{}{}  - {{ id: web, kind: http, url: \"{}\" }}\n",
        host("plain", &sshd, "127.0.0.1", ""),
        host("sealed", &sshd, "127.0.0.1", "").replace("login: inspect", "login: sealed"),
        host("locked", &sshd, "127.0.0.1", "").replace("login: inspect", "login: locked"),
        database("pg-env", "postgres", pg, "env"),
        database("pg-file", "postgres", pg, "file"),
        database("pg-wrong", "postgres", pg, "wrong"),
        database("my-command", "mysql", my, "command"),
        database("my-wrong", "mysql", my, "wrong"),
        web.url("/"),
        user = user(),
        key = sshd.key().display(),
        sealed = encrypted.display(),
    );
    site.file("inventory.yaml", &inventory);
    site.file(
        "playbook.yaml",
        "playbook: all\nschedule: by-hand\nchecks:\n  - { id: load, check: load }\n  - { id: sessions, check: postgres-connections }\n  \
         - { id: threads, check: mysql-connections }\n  \
         - { id: page, check: http, with: { headers: { Authorization: \"Bearer {token}\" }, secrets: { token: { env: TOKEN } }, contains: nowhere } }\n",
    );
    let ran = site.run("all");
    let mut ledger = site.ledger();
    ledger.assert_tells(&ran);
    for target in ["plain", "sealed", "pg-env", "pg-file", "my-command", "web"] {
        assert_eq!(ledger.outcome(ran.run_id(), target, "reachable"), "ok", "{target}: {}", ran.text());
    }
    for target in ["locked", "pg-wrong", "my-wrong"] {
        assert_eq!(ledger.outcome(ran.run_id(), target, "reachable"), "crit", "{target}");
    }
    assert!(web.requests().iter().any(|request| request.head.contains(TOKEN)), "the token was used");
    assert!(ran.complaints().contains("TRACE"), "everything was logged");

    let key = fs::read_to_string(sshd.key()).expect("our key");
    let mut canaries: Vec<Vec<u8>> = Vec::new();
    for words in [BY_ENV, BY_FILE, BY_COMMAND, WRONG, PASSPHRASE, TOKEN] {
        canaries.extend([words.as_bytes().to_vec(), STANDARD.encode(words).trim_end_matches('=').as_bytes().to_vec()]);
    }
    // The middle of the key: its first line is the same in every key, its last one short.
    canaries.push(key.lines().nth(3).expect("a line of the key").as_bytes().to_vec());
    let mut written: Vec<(String, Vec<u8>)> =
        site.written().into_iter().map(|file| (file.display().to_string(), fs::read(&file).expect("a file"))).collect();
    let all_of = [
        "SELECT hex(head) FROM runs",
        "SELECT hex(body) FROM contents WHERE body IS NOT NULL",
        "SELECT body FROM items",
        "SELECT body FROM sheets",
    ];
    for sql in all_of {
        for text in ledger.texts(sql) {
            let bytes = if sql.contains("hex") { inflated(&text) } else { text.into_bytes() };
            written.push((sql.to_owned(), bytes));
        }
    }
    for lang in ["en", "zh"] {
        let pdf = ran.report(&format!(".{lang}.pdf"));
        written
            .push((format!("{lang}.pdf"), Command::new("pdftotext").arg(&pdf).arg("-").output().expect("pdftotext is installed").stdout));
    }
    assert!(written.iter().any(|(_, bytes)| contains(bytes, b"postgres-connections")), "what is searched is readable");
    assert!(written.iter().any(|(name, bytes)| name.contains("hex") && contains(bytes, b"Bearer")), "what the web server said is there");
    for (name, bytes) in &written {
        for canary in &canaries {
            assert!(!contains(bytes, canary), "{name} holds {}", String::from_utf8_lossy(canary));
        }
    }
}

/// A body of the store, inflated where it is compressed.
fn inflated(hex: &str) -> Vec<u8> {
    let bytes: Vec<u8> = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let mut inflated = Vec::new();
    match DeflateDecoder::new(&*bytes).read_to_end(&mut inflated) {
        Ok(_) => inflated,
        Err(_) => bytes,
    }
}

fn contains(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}
