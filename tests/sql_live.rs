//! The SQL transport against real servers of our own, and against peers that are none.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rounds::model::probe::{Ask, Bind, Dialect, FailKind, SqlAsk, SqlVariant, answer::Table};
use rounds::model::target::TlsMode;
use rounds::model::{Capture, Ended, Kind, Login, Probe, SecretRef, Target};
use rounds::transport::sql::{self, Reach};
use rounds::transport::{Asked, FailureKind, Lines, Session, TransportError};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

mod support {
    pub(crate) mod certificates;
    pub(crate) mod mariadb;
    pub(crate) mod postgres;
    pub(crate) mod server;
}

use support::certificates::Authority;
use support::mariadb::Mariadb;
use support::postgres::Postgres;

const LIMIT: Duration = Duration::from_secs(10);

fn lines(connect_limit: Duration, cap_bytes: usize) -> Arc<Lines> {
    Arc::new(Lines {
        targets: Arc::new(HashMap::new()),
        known_hosts: Vec::new(),
        ssh_config: None,
        connect_limit,
        session_limit: Duration::from_mins(1),
        cap_bytes,
    })
}

/// A password in a file that only we can read, as the inventory wants it.
fn secret(password: &str) -> (tempfile::TempDir, SecretRef) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let mut options = std::fs::OpenOptions::new();
    std::io::Write::write_all(&mut options.create_new(true).write(true).mode(0o600).open(&path).unwrap(), password.as_bytes()).unwrap();
    (folder, SecretRef::File(path))
}

fn target(kind: Kind, port: u16, user: &str, password: Option<SecretRef>) -> Target {
    let login = Login { id: "ro".into(), user: Some(user.into()), password, ..Login::default() };
    Target {
        address: Some("127.0.0.1".into()),
        port: Some(port),
        login: Some(Arc::new(login)),
        tls: TlsMode::Disable,
        ..Target::new("db", kind)
    }
}

async fn open(target: &Target) -> Result<Box<dyn Session>, TransportError> {
    open_with(target, lines(LIMIT, 1 << 20)).await
}

async fn open_with(target: &Target, lines: Arc<Lines>) -> Result<Box<dyn Session>, TransportError> {
    sql::open(lines, Arc::new(target.clone()), sql::reach(target), CancellationToken::new()).await
}

fn question(dialect: Dialect, statement: &str) -> Probe {
    Probe::sql("q", vec![SqlVariant::new(dialect, statement.to_owned())])
}

fn bound(dialect: Dialect, statement: &str, binds: &[(&str, Bind)]) -> Probe {
    let binds = binds.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let ask = SqlAsk { variants: vec![SqlVariant::new(dialect, statement.to_owned())], binds, each_database: false };
    Probe { name: "q".into(), ask: Ask::Sql(ask), limit: None }
}

async fn ask_all(session: &mut dyn Session, probes: Vec<(Probe, Duration)>) -> Vec<Capture> {
    let count = probes.len();
    let asked = probes.into_iter().enumerate().map(|(id, (probe, limit))| Asked { id, probe, limit }).collect();
    let (sender, mut receiver) = mpsc::channel(count.max(1));
    session.ask(asked, sender, CancellationToken::new()).await.unwrap();
    let mut captures = Vec::new();
    while let Some(answer) = receiver.recv().await {
        captures.push(answer);
    }
    captures.sort_by_key(|(id, _)| *id);
    assert_eq!(captures.len(), count);
    captures.into_iter().map(|(_, capture)| capture).collect()
}

async fn ask(session: &mut dyn Session, probe: Probe) -> Capture {
    ask_all(session, vec![(probe, LIMIT)]).await.remove(0)
}

#[track_caller]
fn table(capture: &Capture) -> Table {
    assert!(capture.is_clean(), "{capture:?}");
    serde_json::from_slice(&capture.out).unwrap()
}

#[track_caller]
fn refusal(capture: &Capture) -> (FailKind, &str) {
    match &capture.ended {
        Ended::Failed { kind, detail } => (*kind, detail.raw()),
        other => panic!("{other:?}: {}", capture.text()),
    }
}

fn texts(values: &[&str]) -> Vec<Option<String>> {
    values.iter().map(|value| (*value != "NULL").then(|| (*value).to_owned())).collect()
}

/// A PostgreSQL server with an account `ro`, and the target that it is.
fn postgres() -> (Postgres, Target, tempfile::TempDir) {
    let server = Postgres::start(&[], None);
    server.sql(
        "postgres",
        "CREATE ROLE ro LOGIN PASSWORD 'pass:w''ord'; CREATE TABLE t (a int); INSERT INTO t VALUES (1); GRANT ALL ON t TO ro",
    );
    let (folder, password) = secret("pass:w'ord\n");
    let target = target(Kind::Postgres, server.port, "ro", Some(password));
    (server, target, folder)
}

#[tokio::test]
async fn postgres_writes_every_value_itself() {
    let (server, mut target, _secret) = postgres();
    server.sql("postgres", "CREATE TYPE mood AS ENUM ('好', 'bad'); CREATE TABLE empty (\"A\" int, b mood); GRANT ALL ON empty TO ro");
    let pg = |statement: &str| (question(Dialect::Postgres, statement), LIMIT);
    let mut session = open(&target).await.unwrap();
    let every = "SELECT 12.340::numeric AS \"Dec\", 1.5::float8 f, true b, NULL n, '2026-11-21 10:00:00+08'::timestamptz t, \
                 '{\"a\": 1}'::jsonb j, ARRAY[1,2] l, '1 day 02:00'::interval i, '10.0.0.1'::inet ip, '\\xdead'::bytea x, '好'::mood m, \
                 18446744073709551615::numeric u, '' e, -1::int2 s";
    let captures = ask_all(
        &mut *session,
        vec![
            pg(every),
            pg("SHOW server_version_num"),
            pg("SELECT * FROM empty"),
            pg("SELECT 1 AS a, 2 AS \"A\""),
            pg("SELECT * FROM nosuch"),
            pg("SELECT nosuch()"),
            pg("SELECT 1; SELECT 2"),
            (question(Dialect::Mysql, "SELECT 1"), LIMIT),
            pg("EXPLAIN SELECT 1"),
        ],
    )
    .await;
    let everything = table(&captures[0]);
    assert_eq!(everything.columns, ["dec", "f", "b", "n", "t", "j", "l", "i", "ip", "x", "m", "u", "e", "s"]);
    let expected = [
        "12.340",
        "1.5",
        "t",
        "NULL",
        "2026-11-21 02:00:00+00",
        "{\"a\": 1}",
        "{1,2}",
        "1 day 02:00:00",
        "10.0.0.1",
        "\\xdead",
        "好",
        "18446744073709551615",
        "",
        "-1",
    ];
    assert_eq!(everything.rows, [texts(&expected)]);
    assert_eq!(table(&captures[1]).columns, ["server_version_num"]);
    let empty = table(&captures[2]);
    assert_eq!((empty.columns, empty.rows.len()), (vec!["a".to_owned(), "b".to_owned()], 0));
    assert!(refusal(&captures[3]).1.contains("both named `a`"));
    assert_eq!(refusal(&captures[4]).0, FailKind::Missing);
    assert_eq!(refusal(&captures[5]).0, FailKind::Missing);
    assert_eq!(refusal(&captures[6]).0, FailKind::OurSide);
    assert_eq!(refusal(&captures[7]).0, FailKind::NoVariant);
    assert!(refusal(&captures[7]).1.starts_with("PostgreSQL"));
    assert!(table(&captures[8]).rows.len() == 1);
    assert!(session.greeting().iter().any(|(key, value)| *key == "server" && value.starts_with("PostgreSQL")));
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ro'"), "1", "one connection a target");

    target.timezone = Some("Asia/Shanghai".into());
    let mut session = open(&target).await.unwrap();
    let zoned = table(&ask(&mut *session, question(Dialect::Postgres, "SELECT '2026-11-21 02:00:00+00'::timestamptz t")).await);
    assert_eq!(zoned.rows, [texts(&["2026-11-21 10:00:00+08"])]);
}

#[tokio::test]
async fn postgres_takes_values_apart_from_the_statement() {
    let (_server, target, _secret) = postgres();
    let mut session = open(&target).await.unwrap();
    let hostile = "x'; DROP TABLE t; --\\ 厂 \u{1F600}";
    let statement = "SELECT :text AS t, :int + 1 AS i, :num * 2 AS n, :yes AS y, ':text' AS q, :text::text || 'z' AS again";
    let binds =
        [("text", Bind::Text(hostile.into())), ("int", Bind::Integer(-7)), ("num", Bind::Number(1.25)), ("yes", Bind::Boolean(true))];
    let answer = table(&ask(&mut *session, bound(Dialect::Postgres, statement, &binds)).await);
    assert_eq!(answer.rows, [texts(&[hostile, "-6", "2.5", "t", ":text", &format!("{hostile}z")])]);
    // A text becomes what the place wants: here a date.
    let dated = bound(Dialect::Postgres, "SELECT 1 AS one WHERE '2026-01-02'::date > :d", &[("d", Bind::Text("2026-01-01".into()))]);
    assert_eq!(table(&ask(&mut *session, dated).await).rows, [texts(&["1"])]);
    let none = bound(Dialect::Postgres, "SELECT a AS one FROM t WHERE a = :a", &[("a", Bind::Integer(99))]);
    let none = table(&ask(&mut *session, none).await);
    assert_eq!((none.columns, none.rows.len()), (vec!["one".to_owned()], 0));
    let unknown = bound(Dialect::Postgres, "SELECT :other", &[("a", Bind::Integer(99))]);
    assert_eq!(refusal(&ask(&mut *session, unknown).await).0, FailKind::OurSide);
}

#[tokio::test]
async fn postgres_is_only_read_and_says_which_right_is_missing() {
    let (server, target, _secret) = postgres();
    server.sql("postgres", "CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (2) RETURNING a'");
    server.sql("postgres", "CREATE TABLE hidden (a int); CREATE SEQUENCE s; GRANT ALL ON s TO ro");
    let mut session = open(&target).await.unwrap();
    let pg = |statement: &str| (question(Dialect::Postgres, statement), LIMIT);
    let denied =
        Probe::sql("q", vec![SqlVariant::new(Dialect::Postgres, "SELECT * FROM hidden").grants(&["GRANT SELECT ON hidden TO {user}"])]);
    let captures = ask_all(
        &mut *session,
        vec![
            pg("SELECT writes()"),
            pg("WITH x AS (INSERT INTO t VALUES (3) RETURNING a) SELECT * FROM x"),
            pg("SELECT nextval('s')"),
            pg("SELECT set_config('transaction_read_only', 'off', false)"),
            pg("SELECT set_config('default_transaction_read_only', 'off', false) || writes()"),
            (bound(Dialect::Postgres, "SELECT writes() + :n", &[("n", Bind::Integer(1))]), LIMIT),
            (denied, LIMIT),
            pg("SELECT * FROM hidden"),
        ],
    )
    .await;
    for at in [0, 1, 2, 3, 4, 5] {
        assert!(matches!(captures[at].ended, Ended::Failed { .. }), "{at}: {:?}", captures[at]);
    }
    assert_eq!(server.sql("postgres", "SELECT count(*) FROM t"), "1");
    // Behind a pooler the session is the next client's: only the transaction is read-only.
    let settings = "SELECT current_setting('transaction_read_only') AS ours, current_setting('default_transaction_read_only') AS theirs, \
                    (SELECT count(*) FROM pg_prepared_statements) AS left_over";
    assert_eq!(table(&ask(&mut *session, question(Dialect::Postgres, settings)).await).rows, [texts(&["on", "off", "0"])]);
    let (kind, detail) = refusal(&captures[6]);
    assert_eq!(kind, FailKind::Permission);
    assert!(detail.starts_with("GRANT SELECT ON hidden TO ro"), "{detail}");
    assert_eq!(refusal(&captures[7]).0, FailKind::Permission);
}

#[tokio::test]
async fn postgres_statements_end_at_their_limit_and_leave_nothing_running() {
    let (server, target, _secret) = postgres();
    let active = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'ro' AND state = 'active'";
    let mut session = open(&target).await.unwrap();
    let second = Duration::from_secs(1);
    let captures = ask_all(
        &mut *session,
        vec![
            (question(Dialect::Postgres, "SELECT pg_sleep(30)"), second),
            (question(Dialect::Postgres, "SELECT 1 AS still"), LIMIT),
            (question(Dialect::Postgres, "SELECT generate_series(1, 100000000) AS n"), LIMIT),
            (question(Dialect::Postgres, "SELECT repeat('x', 5000000) AS big"), LIMIT),
            (question(Dialect::Postgres, "SELECT repeat('x', 50000000) AS huge"), LIMIT),
            (question(Dialect::Postgres, "SELECT 2 AS after"), LIMIT),
        ],
    )
    .await;
    assert_eq!(captures[0].ended, Ended::TimedOut { limit_ms: 1000 });
    assert!(captures[0].took_ms < 1500, "{}", captures[0].took_ms);
    assert_eq!(table(&captures[1]).rows, [texts(&["1"])]);
    for at in [2, 3, 4] {
        assert!(captures[at].cut && matches!(captures[at].ended, Ended::Exit { status: 0 }), "{at}: {:?}", captures[at].ended);
    }
    let many: Table = serde_json::from_slice(&captures[2].out).unwrap();
    assert_eq!(many.rows.len(), 10_000);
    assert_eq!(table(&captures[5]).rows, [texts(&["2"])]);
    assert_eq!(server.sql("postgres", active), "0");

    // Cancelled from outside: it ends at once, on the server too.
    let cancel = CancellationToken::new();
    let (sender, mut receiver) = mpsc::channel(4);
    let asked = vec![Asked { id: 0, probe: question(Dialect::Postgres, "SELECT pg_sleep(30)"), limit: Duration::from_secs(40) }];
    let stopper = cancel.clone();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stopper.cancel();
    });
    let began = Instant::now();
    session.ask(asked, sender, cancel).await.unwrap();
    stopping.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(receiver.recv().await.is_none(), "what had not ended gives no capture");
    assert_eq!(server.sql("postgres", active), "0");
}

#[tokio::test]
async fn postgres_is_asked_in_each_database_and_one_that_refuses_is_said() {
    let (server, target, _secret) = postgres();
    for name in ["shop", "厂"] {
        server.sql("postgres", &format!("CREATE DATABASE \"{name}\""));
        server.sql(name, "CREATE TABLE only_here (a int)");
    }
    let variants = vec![SqlVariant::new(Dialect::Postgres, "SELECT count(*) AS n FROM pg_class WHERE relname = 'only_here'")];
    let each = || {
        let ask = SqlAsk { variants: variants.clone(), binds: Vec::new(), each_database: true };
        Probe { name: "q".into(), ask: Ask::Sql(ask), limit: None }
    };
    let mut session = open(&target).await.unwrap();
    let captures =
        ask_all(&mut *session, vec![(each(), LIMIT), (question(Dialect::Postgres, "SELECT 1 AS a"), LIMIT), (each(), LIMIT)]).await;
    for at in [0, 2] {
        let mut answer = table(&captures[at]);
        answer.rows.sort();
        assert_eq!(answer.columns, ["database", "n"]);
        assert_eq!(answer.rows, [texts(&["postgres", "0"]), texts(&["shop", "1"]), texts(&["template1", "0"]), texts(&["厂", "1"])]);
    }
    server.sql("postgres", "REVOKE CONNECT ON DATABASE shop FROM public");
    let refused = ask(&mut *session, each()).await;
    let (kind, detail) = refusal(&refused);
    assert_eq!(kind, FailKind::Permission);
    assert!(detail.contains("GRANT CONNECT ON DATABASE \"shop\" TO ro"), "{detail}");
}

#[tokio::test]
async fn postgres_is_believed_only_with_a_certificate_that_fits() {
    let authority = Authority::new("ours");
    let other = Authority::new("theirs");
    let server = Postgres::start(&[], Some(&authority.sign("localhost", "DNS:localhost", 10)));
    server.sql("postgres", "CREATE ROLE ro LOGIN PASSWORD 'pw'");
    let (_secret, password) = secret("pw");
    let base = target(Kind::Postgres, server.port, "ro", Some(password));
    let with = |tls, ca: Option<PathBuf>, address: &str| Target { tls, ca, address: Some(address.into()), ..base.clone() };
    assert_tls(with, &authority, &other).await;

    // Through a tunnel the name on the certificate is the target's, not the one we dial.
    let behind = with(TlsMode::VerifyFull, Some(authority.pem()), "localhost");
    let reach = Reach::Tcp { host: "127.0.0.1".into(), port: server.port };
    sql::open(lines(LIMIT, 1 << 20), Arc::new(behind), reach, CancellationToken::new()).await.map(drop).unwrap();

    // Over its socket there is no TLS, and none is wanted.
    let local = Target { socket: Some(server.socket_folder().to_owned()), tls: TlsMode::VerifyFull, address: None, ..base.clone() };
    open(&local).await.map(drop).unwrap();
}

async fn assert_tls(with: impl Fn(TlsMode, Option<PathBuf>, &str) -> Target, authority: &Authority, other: &Authority) {
    for (mode, ca, address, expected) in [
        (TlsMode::VerifyFull, Some(authority.pem()), "localhost", None),
        (TlsMode::VerifyFull, Some(authority.pem()), "127.0.0.1", Some(FailureKind::Identity)),
        (TlsMode::VerifyFull, Some(other.pem()), "localhost", Some(FailureKind::Identity)),
        (TlsMode::VerifyFull, None, "localhost", Some(FailureKind::Identity)),
        (TlsMode::VerifyCa, Some(authority.pem()), "127.0.0.1", None),
        (TlsMode::VerifyCa, Some(other.pem()), "127.0.0.1", Some(FailureKind::Identity)),
        (TlsMode::Require, None, "127.0.0.1", None),
        (TlsMode::VerifyFull, Some("/nosuch.pem".into()), "localhost", Some(FailureKind::OurSide)),
    ] {
        let opened = open(&with(mode, ca.clone(), address)).await.map(drop).map_err(|error| (error.kind, error.to_string()));
        assert_eq!(opened.as_ref().err().map(|(kind, _)| *kind), expected, "{mode:?} {ca:?} {address}: {opened:?}");
    }
}

#[tokio::test]
async fn postgres_that_does_not_let_us_in_is_told_from_one_that_is_not_there() {
    let (server, target, _secret) = postgres();
    let (_wrong, password) = secret("canary-password");
    let login = Login { password: Some(password), ..(**target.login.as_ref().unwrap()).clone() };
    let error = open(&Target { login: Some(Arc::new(login)), ..target.clone() }).await.map(drop).unwrap_err();
    assert_eq!(error.kind, FailureKind::LoginRefused);
    assert!(!format!("{error:?}").contains("canary"));
    let missing = Target { database: Some("nosuch".into()), ..target.clone() };
    assert_eq!(open(&missing).await.map(drop).unwrap_err().kind, FailureKind::LoginRefused);
    let plain = Target { tls: TlsMode::Require, ..target.clone() };
    assert_eq!(open(&plain).await.map(drop).unwrap_err().kind, FailureKind::Identity);
    let login = Login { password: Some(SecretRef::Env("ROUNDS_NOT_SET".into())), ..(**target.login.as_ref().unwrap()).clone() };
    assert_eq!(open(&Target { login: Some(Arc::new(login)), ..target.clone() }).await.map(drop).unwrap_err().kind, FailureKind::OurSide);
    drop(server);
    assert_eq!(open(&target).await.map(drop).unwrap_err().kind, FailureKind::Refused);
    let unknown = Target { address: Some("nosuch.invalid".into()), ..target };
    assert_eq!(open(&unknown).await.map(drop).unwrap_err().kind, FailureKind::NoSuchName);
}

/// A MariaDB server with an account `ro`, and the target that it is.
fn mariadb() -> (Mariadb, Target, tempfile::TempDir) {
    let server = Mariadb::start(&[], None);
    server.sql(
        "CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE TABLE shop.t (a INT, name VARCHAR(20) COLLATE utf8mb4_unicode_ci); INSERT INTO shop.t VALUES (1, 'x''y'); \
         CREATE USER ro@127.0.0.1 IDENTIFIED BY 'pass:w''ord'; GRANT ALL ON shop.* TO ro@127.0.0.1",
    );
    let (folder, password) = secret("pass:w'ord\n");
    let target = Target { database: Some("shop".into()), ..target(Kind::Mysql, server.port, "ro", Some(password)) };
    (server, target, folder)
}

#[tokio::test]
async fn mariadb_writes_every_value_itself() {
    let (server, target, _secret) = mariadb();
    server.sql(
        "CREATE TABLE shop.types (d DECIMAL(10,3), u BIGINT UNSIGNED, f FLOAT, g DOUBLE, b BOOLEAN, bits BIT(10), day DATE, zero DATE, at DATETIME(3), \
         stamp TIMESTAMP NULL, t TIME, y YEAR, e ENUM('好','bad'), s SET('a','b'), j JSON, raw BLOB, bin BINARY(3), v VARCHAR(9) COLLATE utf8mb4_bin, n INT); \
         SET sql_mode=''; SET time_zone='+00:00'; \
         INSERT INTO shop.types VALUES (12.34, 18446744073709551615, 1.5, 1e300, TRUE, b'1000000001', '2026-11-21', '0000-00-00', '2026-11-21 10:00:00.5', \
         '2026-11-21 10:00:00', '-12:00:01', 2026, '好', 'a,b', '{\"a\": 1}', x'00ff', x'010203', '厂', NULL); CREATE TABLE shop.empty (A INT); GRANT SLAVE MONITOR ON *.* TO ro@127.0.0.1",
    );
    let mut session = open(&target).await.unwrap();
    let maria = |statement: &str| (question(Dialect::Mariadb, statement), LIMIT);
    let columns = "d, u, f, g, b, bits, day, zero, at, t, y, e, s, j, raw, bin, v, n";
    let captures = ask_all(
        &mut *session,
        vec![
            maria(&format!("SELECT {columns} FROM types")),
            maria("SELECT A FROM empty"),
            maria("SHOW SLAVE STATUS"),
            maria("SELECT * FROM nosuch"),
            maria("SELECT nosuch_function()"),
            (question(Dialect::Mysql, "SELECT 1"), LIMIT),
            maria("SELECT 'a' || 'b' AS or_not_text"),
            (bound(Dialect::Mariadb, &format!("SELECT {columns} FROM types WHERE u > :u"), &[("u", Bind::Integer(1))]), LIMIT),
        ],
    )
    .await;
    let expected = [
        "12.340",
        "18446744073709551615",
        "1.5",
        "1e300",
        "1",
        "513",
        "2026-11-21",
        "0000-00-00",
        "2026-11-21 10:00:00.500",
        "-12:00:01",
        "2026",
        "好",
        "a,b",
        "{\"a\": 1}",
        "\\x00ff",
        "\\x010203",
        "厂",
        "NULL",
    ];
    assert_eq!(table(&captures[0]).rows, [texts(&expected)]);
    assert_eq!(table(&captures[1]).columns, ["a"]);
    assert!(table(&captures[2]).rows.is_empty());
    assert_eq!(refusal(&captures[3]).0, FailKind::Missing);
    assert_eq!(refusal(&captures[4]).0, FailKind::Missing);
    assert_eq!(refusal(&captures[5]).0, FailKind::NoVariant);
    assert_eq!(table(&captures[6]).rows, [texts(&["0"])], "the server's own sql_mode holds");
    assert_eq!(table(&captures[7]).rows, table(&captures[0]).rows, "bound or not, the server writes the same");
    assert_eq!(server.sql("SELECT count(*) FROM information_schema.processlist WHERE user = 'ro'"), "1", "one connection a target");
}

#[tokio::test]
async fn mariadb_takes_values_apart_from_the_statement() {
    let (_server, target, _secret) = mariadb();
    let mut session = open(&target).await.unwrap();
    let hostile = "x'; DROP TABLE t; -- \\ 厂 \u{1F600}";
    let binds = [("t", Bind::Text(hostile.into())), ("i", Bind::Integer(-7)), ("n", Bind::Number(1.25)), ("y", Bind::Boolean(true))];
    let statement = "SELECT :t AS t, :i + 1 AS i, :n * 2 AS n, :y AS y, ':t' AS q, CONCAT(:t, 'z') AS again";
    let answer = table(&ask(&mut *session, bound(Dialect::Mariadb, statement, &binds)).await);
    assert_eq!(answer.rows, [texts(&[hostile, "-6", "2.5", "1", ":t", &format!("{hostile}z")])]);
    // A bound text compares with a column of any collation.
    let named =
        bound(Dialect::Mariadb, "SELECT a FROM t WHERE name = :n LIMIT :l", &[("n", Bind::Text("X'Y".into())), ("l", Bind::Integer(5))]);
    assert_eq!(table(&ask(&mut *session, named).await).rows, [texts(&["1"])]);
}

#[tokio::test]
async fn mariadb_is_only_read_and_says_which_right_is_missing() {
    let (server, target, _secret) = mariadb();
    server.sql(
        "CREATE DATABASE hidden; CREATE TABLE hidden.h (a INT); CREATE SEQUENCE shop.s; SET GLOBAL log_bin_trust_function_creators = 1",
    );
    server.sql("DELIMITER //\nCREATE FUNCTION shop.writes() RETURNS INT BEGIN INSERT INTO shop.t VALUES (2, 'w'); RETURN 1; END//");
    let mut session = open(&target).await.unwrap();
    let maria = |statement: &str| (question(Dialect::Mariadb, statement), LIMIT);
    let captures = ask_all(
        &mut *session,
        vec![
            maria("SELECT writes()"),
            maria("SELECT 1 INTO OUTFILE '/tmp/never'"),
            maria("SELECT * FROM hidden.h"),
            maria("SELECT 1; DROP TABLE t"),
        ],
    )
    .await;
    assert!(refusal(&captures[0]).1.contains("READ ONLY"), "{:?}", captures[0].ended);
    assert_eq!(refusal(&captures[1]).0, FailKind::OurSide);
    assert_eq!(refusal(&captures[2]).0, FailKind::Permission);
    assert_eq!(refusal(&captures[3]).0, FailKind::OurSide);
    assert_eq!(server.sql("SELECT count(*) FROM shop.t"), "1");
}

#[tokio::test]
async fn mariadb_statements_end_at_their_limit_and_leave_nothing_running() {
    let (server, target, _secret) = mariadb();
    let active = "SELECT count(*) FROM information_schema.processlist WHERE user = 'ro' AND command = 'Query'";
    let mut session = open(&target).await.unwrap();
    let endless = "SELECT count(*) AS n FROM seq_1_to_1000000 a, seq_1_to_1000000 b WHERE (a.seq * b.seq) % 7 = 9";
    let captures = ask_all(
        &mut *session,
        vec![
            (question(Dialect::Mariadb, endless), Duration::from_secs(1)),
            (question(Dialect::Mariadb, "SELECT 1 AS still"), LIMIT),
            (question(Dialect::Mariadb, "SELECT seq FROM seq_1_to_100000000"), LIMIT),
            (question(Dialect::Mariadb, "SELECT REPEAT('x', 10000000) AS big"), LIMIT),
            (question(Dialect::Mariadb, "SELECT 2 AS after"), LIMIT),
        ],
    )
    .await;
    assert_eq!(captures[0].ended, Ended::TimedOut { limit_ms: 1000 });
    assert_eq!(table(&captures[1]).rows, [texts(&["1"])]);
    assert!(captures[2].cut && captures[3].cut);
    assert_eq!(table(&captures[4]).rows, [texts(&["2"])]);
    assert_eq!(server.sql(active), "0");

    let cancel = CancellationToken::new();
    let (sender, _receiver) = mpsc::channel(4);
    let asked = vec![Asked { id: 0, probe: question(Dialect::Mariadb, endless), limit: Duration::from_secs(40) }];
    let stopper = cancel.clone();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stopper.cancel();
    });
    let began = Instant::now();
    session.ask(asked, sender, cancel).await.unwrap();
    stopping.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    assert_eq!(server.sql(active), "0");
}

#[tokio::test]
async fn mariadb_is_believed_only_with_a_certificate_that_fits() {
    let authority = Authority::new("ours");
    let other = Authority::new("theirs");
    let server = Mariadb::start(&[], Some(&authority.sign("localhost", "DNS:localhost", 10)));
    server.sql("CREATE USER ro@127.0.0.1 IDENTIFIED BY 'pw'; CREATE USER ro@localhost IDENTIFIED BY 'pw'");
    let (_secret, password) = secret("pw");
    let base = target(Kind::Mysql, server.port, "ro", Some(password));
    assert_tls(|tls, ca, address| Target { tls, ca, address: Some(address.into()), ..base.clone() }, &authority, &other).await;
    let local = Target { socket: Some(server.socket()), tls: TlsMode::VerifyFull, address: None, ..base.clone() };
    open(&local).await.map(drop).unwrap();
    let (_wrong, password) = secret("canary-password");
    let login = Login { password: Some(password), ..(**base.login.as_ref().unwrap()).clone() };
    let error = open(&Target { login: Some(Arc::new(login)), ..base }).await.map(drop).unwrap_err();
    assert_eq!(error.kind, FailureKind::LoginRefused);
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn sqlite_is_read_never_made_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let make = "CREATE TABLE t (A INTEGER, b REAL, c TEXT, d BLOB, e BOOLEAN, f DATETIME, g NUMERIC, n); \
                INSERT INTO t VALUES (9223372036854775807, 1.0, '厂', x'00ff', TRUE, '2026-11-21', 12.5, NULL); CREATE TABLE empty (X)";
    support::server::ran(std::process::Command::new("sqlite3").arg(&path).arg(make));
    let target = Target { path: Some(path.clone()), ..Target::new("f", Kind::Sqlite) };
    let mut session = open(&target).await.unwrap();
    let lite = |statement: &str| (question(Dialect::Sqlite, statement), LIMIT);
    let endless = "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT count(*) FROM x";
    let captures = ask_all(
        &mut *session,
        vec![
            lite("SELECT * FROM t"),
            lite("SELECT * FROM empty"),
            lite("SELECT * FROM nosuch"),
            lite("PRAGMA journal_mode = WAL"),
            lite("PRAGMA user_version = 5"),
            (question(Dialect::Sqlite, endless), Duration::from_secs(1)),
            (
                bound(
                    Dialect::Sqlite,
                    "SELECT c FROM t WHERE c = :c AND b = :b",
                    &[("c", Bind::Text("厂".into())), ("b", Bind::Number(1.0))],
                ),
                LIMIT,
            ),
            lite("WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT n FROM x"),
            lite("SELECT 1 AS after"),
        ],
    )
    .await;
    let all = table(&captures[0]);
    assert_eq!(all.columns, ["a", "b", "c", "d", "e", "f", "g", "n"]);
    assert_eq!(all.rows, [texts(&["9223372036854775807", "1.0", "厂", "\\x00ff", "1", "2026-11-21", "12.5", "NULL"])]);
    assert_eq!(table(&captures[1]).columns, ["x"]);
    assert_eq!(refusal(&captures[2]).0, FailKind::Missing);
    assert!(matches!(captures[4].ended, Ended::Failed { .. }), "{:?}", captures[4]);
    assert_eq!(captures[5].ended, Ended::TimedOut { limit_ms: 1000 });
    assert_eq!(table(&captures[6]).rows, [texts(&["厂"])]);
    assert!(captures[7].cut);
    assert_eq!(table(&captures[8]).rows, [texts(&["1"])]);
    let kept = support::server::ran(std::process::Command::new("sqlite3").arg(&path).arg("PRAGMA journal_mode; PRAGMA user_version"));
    assert_eq!(kept.stdout, b"delete\n0\n");

    let missing = folder.path().join("nosuch.db");
    let error = open(&Target { path: Some(missing.clone()), ..target.clone() }).await.map(drop).unwrap_err();
    assert_eq!(error.kind, FailureKind::Refused);
    assert!(!missing.exists());
    let text = folder.path().join("text.db");
    std::fs::write(&text, "this is no database, however long it may be ".repeat(40)).unwrap();
    assert_eq!(open(&Target { path: Some(text), ..target }).await.map(drop).unwrap_err().kind, FailureKind::Protocol);
}

/// What a peer that is no database does to whoever connects.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Silent,
    Garbage,
    Babbling,
    CutOff,
    /// The head of a message of two gigabytes, for either protocol, and then a byte now and then.
    Drip,
    /// A greeting of MySQL that ends in the middle of a number.
    Broken,
}

async fn peer(peer: Peer) -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { return };
            let _ = match peer {
                Peer::Silent => {
                    tokio::time::sleep(Duration::from_secs(30)).await;
                    Ok(())
                }
                Peer::Garbage => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n\x00\xff\xff\xff\xff\x0a").await,
                Peer::Babbling => loop {
                    if let Err(error) = stream.write_all(&vec![b'N'; 65536]).await {
                        break Err(error);
                    }
                },
                Peer::CutOff => Ok(()),
                Peer::Drip => loop {
                    if let Err(error) = stream.write_all(b"R\x7f\xff\xff\xff").await {
                        break Err(error);
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await;
                },
                Peer::Broken => stream.write_all(b"\x05\x00\x00\x00\x0a8.0\x00").await,
            };
        }
    });
    (port, serving)
}

#[tokio::test]
async fn peers_that_are_no_database_cost_at_most_the_limit_for_connecting() {
    for kind in [Kind::Postgres, Kind::Mysql] {
        for hostile in [Peer::Silent, Peer::Garbage, Peer::Babbling, Peer::CutOff, Peer::Drip, Peer::Broken] {
            let (port, serving) = peer(hostile).await;
            let began = Instant::now();
            let opened = open_with(&target(kind, port, "ro", None), lines(Duration::from_secs(1), 1 << 20)).await;
            let error = opened.map(drop).unwrap_err();
            assert!(began.elapsed() < Duration::from_secs(3), "{kind:?} {hostile:?} took {:?}", began.elapsed());
            let expected = [FailureKind::TimedOut, FailureKind::Protocol, FailureKind::CutOff];
            assert!(expected.contains(&error.kind), "{kind:?} {hostile:?}: {error:?}");
            serving.abort();
        }
    }
}
