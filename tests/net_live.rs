//! The transport for questions from our side, against servers of our own that behave well or badly.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use rounds::model::probe::{FailKind, HttpAsk, HttpStep, NetAsk, answer};
use rounds::model::{Capture, Ended, Probe, SecretRef};
use rounds::transport::{Asked, Lines, net};
use serde::de::DeserializeOwned;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

mod support {
    pub(crate) mod certificates;
    pub(crate) mod server;
    pub(crate) mod web;
}

use support::certificates::Authority;
use support::web::{Reply, Web, page, redirect};

const LIMIT: Duration = Duration::from_secs(10);
const CAP: usize = 64 * 1024;

fn lines() -> Lines {
    Lines {
        targets: Arc::new(HashMap::new()),
        known_hosts: Vec::new(),
        ssh_config: None,
        connect_limit: Duration::from_secs(2),
        session_limit: Duration::from_mins(1),
        cap_bytes: CAP,
    }
}

async fn ask_within(asks: Vec<NetAsk>, limit: Duration, cancel: &CancellationToken) -> Vec<Capture> {
    let (sender, mut receiver) = mpsc::channel(asks.len().max(1));
    let asked = asks.into_iter().enumerate().map(|(id, ask)| Asked { id, probe: Probe::net("q", ask), limit }).collect();
    net::ask(&lines(), asked, &sender, cancel).await;
    drop(sender);
    let mut captures = Vec::new();
    while let Some(answer) = receiver.recv().await {
        captures.push(answer);
    }
    captures.sort_by_key(|(id, _)| *id);
    captures.into_iter().map(|(_, capture)| capture).collect()
}

async fn ask(ask: NetAsk) -> Capture {
    ask_within(vec![ask], LIMIT, &CancellationToken::new()).await.remove(0)
}

#[track_caller]
fn read<T: DeserializeOwned>(capture: &Capture) -> T {
    assert!(capture.is_clean(), "{capture:?}");
    serde_json::from_slice(&capture.out).unwrap()
}

#[track_caller]
fn our_side(capture: &Capture) -> &str {
    match &capture.ended {
        Ended::Failed { kind: FailKind::OurSide, detail } => detail.raw(),
        other => panic!("{other:?}: {}", capture.text()),
    }
}

fn conversation(base: String, steps: Vec<HttpStep>) -> HttpAsk {
    HttpAsk { base, ca: None, follow: false, steps, values: Vec::new(), secrets: Vec::new() }
}

fn step(id: &str, method: &str, path: &str) -> HttpStep {
    HttpStep { id: id.into(), method: method.into(), path: path.into(), ..HttpStep::default() }
}

async fn one(base: String, path: &str, follow: bool) -> answer::HttpStep {
    let ask_it = HttpAsk { follow, ..conversation(base, vec![step("page", "GET", path)]) };
    read::<answer::Http>(&ask(NetAsk::Http(ask_it)).await).steps.remove(0)
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A secret in a file that only we can read.
fn secret(text: &str) -> (tempfile::TempDir, SecretRef) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    (folder, SecretRef::File(path))
}

/// The shop that the conversations talk to; it hands out what it got, as careless applications do.
fn shop(request: &support::web::Request) -> Reply {
    let is_in = request.head.to_lowercase().contains("cookie: session=s3ss10n") && request.head.contains("Bearer tok-0123456789abcdef");
    match request.line.as_str() {
        "POST /login" if request.body == r#"{"user":"u","password":"p\"w/厂 canary"}"# => Reply::Page(
            200,
            vec!["Set-Cookie: session=s3ss10n; Path=/".into(), format!("X-Echo: {}", request.body.len())],
            format!(r#"{{"token":"tok-0123456789abcdef","you_sent":{}}}"#, request.body),
        ),
        "POST /orders" if is_in => page(201, r#"{"id": 10/42, "no": "7/8 9"}"#.replace("10/42", "1042").as_str()),
        "DELETE /orders/7%2F8%209?why=a%26b" if is_in => page(204, ""),
        _ => page(403, "no"),
    }
}

fn shopping(base: String, password: SecretRef) -> HttpAsk {
    let bearer = pairs(&[("Authorization", "Bearer {token}")]);
    let login = HttpStep {
        json: Some(serde_json::json!({ "user": "u", "password": "{pw}" })),
        keep: pairs(&[("token", "$.token")]),
        go_on: vec![(200, 200)],
        ..step("login", "POST", "/login")
    };
    let order = HttpStep {
        headers: bearer.clone(),
        json: Some(serde_json::json!({ "item": 1 })),
        keep: pairs(&[("order", "$.no")]),
        go_on: vec![(201, 201)],
        ..step("order", "POST", "/orders")
    };
    let remove = HttpStep { headers: bearer, always: true, ..step("remove", "DELETE", "/orders/{order}?why={why}") };
    HttpAsk { values: pairs(&[("why", "a&b")]), secrets: vec![("pw".into(), password)], ..conversation(base, vec![login, order, remove]) }
}

#[tokio::test]
async fn a_conversation_carries_cookies_and_values_and_stores_no_secret() {
    let web = Web::start(shop).await;
    let (_folder, password) = secret("p\"w/厂 canary");
    let capture = ask(NetAsk::Http(shopping(web.url("/"), password))).await;
    let answer: answer::Http = read(&capture);
    let statuses: Vec<_> = answer.steps.iter().map(|step| (step.id.as_str(), step.status, step.failure.as_deref())).collect();
    assert_eq!(statuses, [("login", Some(200), None), ("order", Some(201), None), ("remove", Some(204), None)]);
    assert_eq!(web.requests().len(), 3);
    assert!(answer.steps[1].request.ends_with("/orders"), "{}", answer.steps[1].request);
    assert!(answer.steps.iter().all(|step| step.took_ms > 0.0));
    let stored = String::from_utf8(serde_json::to_vec(&capture).unwrap()).unwrap();
    for canary in ["canary", "s3ss10n", "tok-0123456789abcdef"] {
        assert!(!stored.contains(canary), "{canary} in {stored}");
    }
    assert!(answer.steps[0].body.contains("you_sent"), "the rest of the answer is kept: {}", answer.steps[0].body);
}

#[tokio::test]
async fn after_a_failed_step_only_the_cleaning_up_is_asked() {
    let web = Web::start(|request| match request.line.as_str() {
        "POST /orders" => page(500, "no"),
        _ => page(200, r#"{"token": "t"}"#),
    })
    .await;
    let (_folder, password) = secret("pw");
    let mut ask_it = shopping(web.url("/"), password);
    ask_it.steps.insert(2, step("read", "GET", "/orders"));
    ask_it.steps.push(HttpStep { always: true, ..step("logout", "POST", "/logout") });
    let answer: answer::Http = read(&ask(NetAsk::Http(ask_it)).await);
    let failures: Vec<_> = answer.steps.iter().map(|step| step.failure.as_deref()).collect();
    assert_eq!(failures, [None, None, Some("not-run"), Some("not-run"), None]);
    assert!(answer.steps[3].detail.as_deref().unwrap().contains("{order}"), "nothing was placed, so nothing is removed");
    let lines: Vec<String> = web.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /login", "POST /orders", "POST /logout"]);
}

#[tokio::test]
async fn a_value_that_is_not_in_the_answer_ends_the_conversation() {
    let web = Web::start(|_| page(200, r#"{"tokens": ["a", "b"]}"#)).await;
    for path in ["$.token", "$.tokens[*]", "$.tokens"] {
        let first = HttpStep { keep: pairs(&[("token", path)]), ..step("first", "GET", "/") };
        let answer: answer::Http =
            read(&ask(NetAsk::Http(conversation(web.url("/"), vec![first, step("second", "GET", "/{token}")]))).await);
        assert_eq!(answer.steps[0].failure.as_deref(), Some("keep"), "{path}");
        assert_eq!(answer.steps[1].failure.as_deref(), Some("not-run"), "{path}");
    }
}

#[tokio::test]
async fn a_cancelled_conversation_still_cleans_up() {
    let web = Web::start(|request| match request.line.as_str() {
        "GET /slow" => Reply::Silence,
        _ => page(200, r#"{"no": "7"}"#),
    })
    .await;
    let place = HttpStep { keep: pairs(&[("order", "$.no")]), ..step("place", "POST", "/orders") };
    let remove = HttpStep { always: true, ..step("remove", "DELETE", "/orders/{order}") };
    let steps = vec![place, step("slow", "GET", "/slow"), step("never", "GET", "/never"), remove];
    let cancel = CancellationToken::new();
    let stopper = cancel.clone();
    let stopping = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        stopper.cancel();
    });
    let began = Instant::now();
    let captures = ask_within(vec![NetAsk::Http(conversation(web.url("/"), steps))], Duration::from_secs(30), &cancel).await;
    stopping.await.unwrap();
    assert!(captures.is_empty() && began.elapsed() < Duration::from_secs(5));
    let lines: Vec<String> = web.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(lines, ["POST /orders", "GET /slow", "DELETE /orders/7"]);
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_and_never_without_end() {
    let elsewhere = Web::start(|_| page(200, "elsewhere")).await;
    let other = elsewhere.url("/");
    let web = Web::start(move |request| match request.line.as_str() {
        "GET /loop" => redirect("/loop"),
        "GET /there" => redirect(other.clone()),
        "GET /start" => redirect("/end"),
        _ => page(200, "end"),
    })
    .await;
    assert_eq!(one(web.url("/"), "/start", false).await.status, Some(302));
    assert_eq!(one(web.url("/"), "/start", true).await.body, "end");
    assert_eq!(one(web.url("/"), "/there", true).await.body, "elsewhere");
    let endless = one(web.url("/"), "/loop", true).await;
    assert_eq!((endless.status, endless.failure.as_deref()), (None, Some("redirect")));
    // A secret must not follow to another place.
    let (_folder, key) = secret("canary-key");
    let asked = HttpStep { headers: pairs(&[("X-Key", "{key}")]), ..step("page", "GET", "/there") };
    let ask_it = HttpAsk { follow: true, secrets: vec![("key".into(), key)], ..conversation(web.url("/"), vec![asked]) };
    let answer: answer::Http = read(&ask(NetAsk::Http(ask_it)).await);
    assert_eq!(answer.steps[0].status, Some(302));
    assert_eq!(elsewhere.requests().len(), 1);
}

#[tokio::test]
async fn web_servers_that_behave_badly_cost_their_limit_and_no_more() {
    let web = Web::start(|request| match request.line.as_str() {
        "GET /silence" => Reply::Silence,
        "GET /drip" => Reply::Drip,
        "GET /endless" => Reply::Endless,
        "GET /half" => Reply::Half,
        "GET /raw" => Reply::Raw("SSH-2.0-OpenSSH_9.2\r\n"),
        "GET /large" => page(200, &"x".repeat(CAP + 10)),
        "GET /missing" => page(404, "no"),
        _ => page(200, "\u{1b}[31m厂"),
    })
    .await;
    let paths = ["/silence", "/drip", "/endless", "/half", "/raw", "/large", "/missing", "/fine"];
    let asks = paths.iter().map(|path| NetAsk::Http(conversation(web.url("/"), vec![step("page", "GET", path)]))).collect();
    let began = Instant::now();
    let captures = ask_within(asks, Duration::from_secs(2), &CancellationToken::new()).await;
    assert!(began.elapsed() < Duration::from_secs(4), "they are asked side by side: {:?}", began.elapsed());
    let steps: Vec<answer::HttpStep> = captures.iter().map(|capture| read::<answer::Http>(capture).steps.remove(0)).collect();
    let words: Vec<_> = steps.iter().map(|step| (step.status, step.failure.as_deref())).collect();
    let expected = [
        (None, Some("timed-out")),
        (Some(200), Some("timed-out")),
        (Some(200), Some("too-large")),
        (Some(200), Some("cut")),
        (None, Some("cut")),
        (Some(200), None),
        (Some(404), None),
        (Some(200), None),
    ];
    for ((path, word), expected) in paths.iter().zip(&words).zip(&expected) {
        assert_eq!(word, expected, "{path}");
    }
    assert!(captures.iter().all(|capture| capture.out.len() < 3 * CAP));
    assert!(steps[5].body_cut && steps[5].body_bytes == CAP as u64 + 10 && steps[5].body.len() == CAP);
    assert!(!steps[7].body_cut && steps[7].body == "\u{1b}[31m厂");

    let refused = Web::start(|_| page(200, "")).await;
    let base = refused.url("/");
    drop(refused);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(one(base, "/", false).await.failure.as_deref(), Some("refused"));
    assert_eq!(one("http://nosuch.invalid/".into(), "/", false).await.failure.as_deref(), Some("dns"));
}

#[tokio::test]
async fn what_is_missing_on_our_side_is_no_answer_of_theirs() {
    let with_secret = |reference| HttpAsk {
        secrets: vec![("k".into(), reference)],
        ..conversation("http://127.0.0.1:1/".into(), vec![step("p", "GET", "/")])
    };
    assert!(our_side(&ask(NetAsk::Http(with_secret(SecretRef::Env("ROUNDS_NOT_SET".into())))).await).contains("ROUNDS_NOT_SET"));
    let no_ca = HttpAsk { ca: Some("/nosuch.pem".into()), ..conversation("https://127.0.0.1:1/".into(), vec![step("p", "GET", "/")]) };
    assert!(our_side(&ask(NetAsk::Http(no_ca)).await).contains("/nosuch.pem"));
    assert!(our_side(&ask(NetAsk::Http(conversation("erp".into(), vec![step("p", "GET", "/")]))).await).contains("no URL"));
    let dns = NetAsk::Dns { name: "x".into(), record: "NOSUCH".into(), server: None };
    assert!(our_side(&ask(dns).await).contains("NOSUCH"));
}

#[tokio::test]
async fn certificates_are_read_whether_they_are_trusted_or_not() {
    let authority = Authority::new("ours");
    let good = authority.sign("good", "DNS:localhost", 90);
    let expired = authority.sign("expired", "DNS:localhost", 0);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let ca = Some(authority.pem().display().to_string());
    let server = Web::start_tls(&good.certificate, &good.key, |_| page(200, "in")).await;
    let late = Web::start_tls(&expired.certificate, &expired.key, |_| page(200, "in")).await;
    let look = |port, name: &str, ca: &Option<String>| NetAsk::Tls {
        host: "127.0.0.1".into(),
        port,
        server_name: Some(name.into()),
        ca: ca.clone(),
    };
    let cases = [
        (server.port, "localhost", ca.clone(), None),
        (server.port, "localhost", None, Some("UnknownIssuer")),
        (server.port, "erp.example", ca.clone(), Some("not valid for")),
        (late.port, "localhost", ca.clone(), Some("expired")),
    ];
    for (port, name, ca, why) in cases {
        let answer: answer::Tls = read(&ask(look(port, name, &ca)).await);
        assert_eq!(answer.failure, None, "{answer:?}");
        assert_eq!(answer.chain.len(), 1);
        assert_eq!(answer.protocol.as_deref(), Some("TLSv1.3"));
        assert_eq!(answer.trusted, Some(why.is_none()), "{name} {ca:?}: {answer:?}");
        assert!(why.is_none_or(|why| answer.distrust.as_deref().unwrap().contains(why)), "{answer:?}");
    }
    // A client that asks for a page does trust or not: there is no middle way.
    let https = |port: u16, host: &str, ca: &Option<String>| {
        NetAsk::Http(HttpAsk { ca: ca.clone(), ..conversation(format!("https://{host}:{port}/"), vec![step("page", "GET", "/")]) })
    };
    for (port, host, ca, failure) in [
        (server.port, "localhost", ca.clone(), None),
        (server.port, "127.0.0.1", ca.clone(), Some("tls")),
        (server.port, "localhost", None, Some("tls")),
        (late.port, "localhost", ca, Some("tls")),
    ] {
        let answer: answer::Http = read(&ask(https(port, host, &ca)).await);
        assert_eq!(answer.steps[0].failure.as_deref(), failure, "{host} {ca:?}: {:?}", answer.steps[0]);
    }
}

#[tokio::test]
async fn servers_that_speak_no_tls_are_rows() {
    let plain = Web::start(|_| page(200, "")).await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let cutting = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let garbage = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (cutting_port, garbage_port) = (cutting.local_addr().unwrap().port(), garbage.local_addr().unwrap().port());
    let cut = tokio::spawn(async move { drop(cutting.accept().await) });
    let talk = tokio::spawn(async move {
        let (mut stream, _) = garbage.accept().await.unwrap();
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n").await;
    });
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let look = |port| NetAsk::Tls { host: "127.0.0.1".into(), port, server_name: None, ca: None };
    for (port, words) in [
        (silent.local_addr().unwrap().port(), &["timed-out"][..]),
        (cutting_port, &["cut"]),
        (garbage_port, &["tls"]),
        (closed, &["refused"]),
        (plain.port, &["tls", "timed-out", "cut"]),
    ] {
        let answer: answer::Tls = read(&ask(look(port)).await);
        let failure = answer.failure.as_deref().unwrap();
        assert!(words.contains(&failure), "{failure}, not {words:?}: {answer:?}");
        assert!(answer.chain.is_empty() && answer.trusted.is_none());
    }
    cut.await.unwrap();
    talk.await.unwrap();
}

#[tokio::test]
async fn a_port_is_open_or_says_why_not() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let knock = |host: &str, port| NetAsk::Tcp { host: host.into(), port };
    let open: answer::Tcp = read(&ask(knock("localhost", port)).await);
    assert!(open.open && open.failure.is_none());
    drop(listener);
    let closed: answer::Tcp = read(&ask(knock("127.0.0.1", port)).await);
    assert_eq!((closed.open, closed.failure.as_deref()), (false, Some("refused")));
    let unknown: answer::Tcp = read(&ask(knock("nosuch.invalid", port)).await);
    assert_eq!(unknown.failure.as_deref(), Some("dns"));
}

/// A name server of our own; it ends with the test.
async fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 1500];
        while let Ok((size, from)) = socket.recv_from(&mut buffer).await {
            let Ok(request) = Message::from_vec(&buffer[..size]) else { continue };
            let Some(query) = request.queries().first().cloned() else { continue };
            let mut reply = Message::new();
            reply.set_id(request.id()).set_message_type(MessageType::Response).set_recursion_available(true).add_query(query.clone());
            let name = query.name().to_string().to_lowercase();
            match (name.as_str(), query.query_type()) {
                ("erp.example.", RecordType::A) => {
                    let real = Name::from_ascii("real.example.").unwrap();
                    reply.add_answer(Record::from_rdata(query.name().clone(), 60, RData::CNAME(CNAME(real.clone()))));
                    for last in [11, 10] {
                        reply.add_answer(Record::from_rdata(real.clone(), 60, RData::A(A::new(192, 0, 2, last))));
                    }
                }
                ("erp.example.", _) => {}
                ("broken.example.", _) => {
                    reply.set_response_code(ResponseCode::ServFail);
                }
                ("refused.example.", _) => {
                    reply.set_response_code(ResponseCode::Refused);
                }
                ("silent.example.", _) => continue,
                _ => {
                    reply.set_response_code(ResponseCode::NXDomain);
                }
            }
            let _ = socket.send_to(&reply.to_vec().unwrap(), from).await;
        }
    });
    address
}

#[tokio::test]
async fn a_name_server_answers_or_says_why_not() {
    let server = name_server().await.to_string();
    let resolve =
        |name: &str, record: &str, server: &str| NetAsk::Dns { name: name.into(), record: record.into(), server: Some(server.into()) };
    let found: answer::Dns = read(&ask(resolve("erp.example", "a", &server)).await);
    assert_eq!(found.records, ["192.0.2.10", "192.0.2.11"], "aliases on the way are no addresses");
    for (name, record, word) in [
        ("nosuch.example", "A", "no-such-name"),
        ("erp.example", "AAAA", "no-records"),
        ("broken.example", "A", "server-failure"),
        ("refused.example", "A", "refused"),
        ("silent.example", "A", "timed-out"),
    ] {
        let answer: answer::Dns = read(&ask(resolve(name, record, &server)).await);
        assert_eq!(answer.failure.as_deref(), Some(word), "{name} {record}: {answer:?}");
        assert!(answer.records.is_empty());
    }
    let nobody = UdpSocket::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let answer: answer::Dns = read(&ask(resolve("erp.example", "A", &nobody)).await);
    assert!(["refused", "timed-out"].contains(&answer.failure.as_deref().unwrap()), "{answer:?}");
}

#[tokio::test]
async fn echoes_are_sent_by_the_machines_own_program_or_its_absence_is_said() {
    let capture = ask(NetAsk::Ping { host: "127.0.0.1".into(), count: 1 }).await;
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("ping").exists()) {
        assert_eq!(capture.ended, Ended::Exit { status: 0 }, "{capture:?}");
        assert!(capture.text().contains("1 packets transmitted, 1"), "{}", capture.text());
    } else {
        assert!(our_side(&capture).contains("apt-get install iputils-ping"));
    }
    // A host is never an option of the program.
    let option = ask(NetAsk::Ping { host: "-V".into(), count: 1 }).await;
    assert!(option.ended != Ended::Exit { status: 0 }, "{option:?}");
}
