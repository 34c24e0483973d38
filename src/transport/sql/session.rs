//! A session with a database: probes one after another over one connection, each with its variant, limit and caps.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Access;
use super::engine::{Engine, GARBLED, Identity, login, server_limit, unpanicking};
use super::fault::Fault;
use super::gather::Gather;
use super::statement::{self, Statement};
use crate::model::probe::{Ask, Dialect, FailKind, SqlAsk, SqlVariant, answer};
use crate::model::{Capture, Ended, Message};
use crate::transport::{Answer, Asked, FailureKind, Session, TransportError};

/// Longest that ending a statement from outside may take.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// Databases that allow connections; the answer to a question `each_database`.
const DATABASES: &str = "SELECT datname FROM pg_catalog.pg_database WHERE datallowconn ORDER BY datname";

/// A logged-in session with a database.
pub(super) struct SqlSession {
    access: Arc<Access>,
    identity: Identity,
    /// None after a statement had to be stopped: the next probe logs in anew.
    engine: Option<Box<dyn Engine>>,
}

impl SqlSession {
    /// A session over a connection that is logged in.
    pub(super) fn new(access: Arc<Access>, engine: Box<dyn Engine>) -> Self {
        Self { access, identity: engine.identity().clone(), engine: Some(engine) }
    }

    /// The statement of `probe` for this server, and how its capture begins.
    fn begin(&self, asked: &Asked) -> Begun {
        let mut begun =
            Begun { id: asked.id, probe: asked.probe.name.clone().into_owned(), at: Utc::now(), limit: asked.limit, ..Begun::default() };
        let Ask::Sql(ask) = &asked.probe.ask else {
            begun.ended = Some(failed(FailKind::OurSide, "this question is not for a database"));
            return begun;
        };
        let Some(variant) = pick(ask, &self.identity) else {
            begun.ended = Some(failed(FailKind::NoVariant, &self.identity.banner));
            return begun;
        };
        begun.variant = (ask.variants.len() > 1).then(|| name_of(variant));
        begun.grants = variant.grants;
        begun.each_database = ask.each_database && self.identity.dialect == Dialect::Postgres;
        match statement::prepare(self.identity.dialect, &variant.statement, &ask.binds) {
            Ok(statement) => begun.statement = statement,
            Err(fault) => begun.ended = Some(failed(FailKind::OurSide, &fault.to_string())),
        }
        begun
    }

    async fn ask_in_each_database(
        &mut self,
        mut begun: Vec<Begun>,
        answers: &mpsc::Sender<Answer>,
        ask: Asking<'_>,
    ) -> Result<(), TransportError> {
        let Some(names) = self.databases(&mut begun, ask).await? else { return Ok(()) };
        let mut gathers: Vec<Gather> = begun.iter().map(|_| Gather::new(self.access.cap_bytes)).collect();
        for name in &names {
            let mut engine = None;
            for (begun, gather) in begun.iter_mut().zip(&mut gathers) {
                if begun.ended.is_some() || gather.is_cut() {
                    continue;
                }
                gather.database(name);
                match carry(&self.access, &mut engine, Some(name), begun, gather, ask).await {
                    Ok(Carried::Cancelled) => return Ok(()),
                    Ok(Carried::Answered | Carried::Ended) => {}
                    // One database that refuses makes the whole answer wrong: it must not look like an empty one.
                    Err(error) if error.kind == FailureKind::LoginRefused => {
                        let grant = format!("GRANT CONNECT ON DATABASE \"{name}\" TO {}", self.access.user);
                        begun.ended = Some(failed(FailKind::Permission, &format!("{grant} ({error})")));
                    }
                    Err(error) => begun.ended = Some(failed(FailKind::Other, &format!("database {name}: {error}"))),
                }
            }
        }
        for (begun, gather) in begun.into_iter().zip(gathers) {
            send(answers, begun.capture(gather)).await;
        }
        Ok(())
    }

    /// The names of all databases; `None` when cancelled. Where they cannot be had, every probe has failed for that.
    async fn databases(&mut self, begun: &mut [Begun], ask: Asking<'_>) -> Result<Option<Vec<String>>, TransportError> {
        let Some(limit) = begun.iter().map(|begun| begun.limit).min() else { return Ok(Some(Vec::new())) };
        let mut list = Begun { statement: Statement { text: DATABASES.to_owned(), values: Vec::new() }, limit, ..Begun::default() };
        let mut gather = Gather::new(self.access.cap_bytes);
        if let Carried::Cancelled = carry(&self.access, &mut self.engine, None, &mut list, &mut gather, ask).await? {
            return Ok(None);
        }
        let is_cut = gather.is_cut();
        let table: answer::Table = serde_json::from_slice(&gather.into_json()).unwrap_or_default();
        if is_cut || list.ended.is_some() {
            let ended = list.ended.unwrap_or_else(|| failed(FailKind::Other, "too many databases to ask each"));
            for begun in begun {
                begun.ended = Some(ended.clone());
            }
        }
        Ok(Some(table.rows.into_iter().flatten().flatten().collect()))
    }
}

#[async_trait]
impl Session for SqlSession {
    async fn ask(&mut self, asked: Vec<Asked>, answers: mpsc::Sender<Answer>, cancel: CancellationToken) -> Result<(), TransportError> {
        let ask = Asking { deadline: Instant::now() + self.access.session_limit, cancel: &cancel };
        let mut in_each = Vec::new();
        for asked in asked {
            let mut begun = self.begin(&asked);
            if begun.each_database && begun.ended.is_none() {
                in_each.push(begun);
                continue;
            }
            let mut gather = Gather::new(self.access.cap_bytes);
            if begun.ended.is_none()
                && let Carried::Cancelled = carry(&self.access, &mut self.engine, None, &mut begun, &mut gather, ask).await?
            {
                return Ok(());
            }
            send(&answers, begun.capture(gather)).await;
        }
        self.ask_in_each_database(in_each, &answers, ask).await
    }

    fn greeting(&self) -> Vec<(&'static str, String)> {
        let mut greeting = vec![("server", self.identity.banner.clone()), ("address", self.access.reach.to_string())];
        if !self.access.user.is_empty() {
            greeting.push(("user", self.access.user.clone()));
        }
        greeting
    }
}

/// What holds for all probes of one call.
#[derive(Clone, Copy)]
struct Asking<'a> {
    deadline: Instant,
    cancel: &'a CancellationToken,
}

/// A probe under way.
#[derive(Default)]
struct Begun {
    id: usize,
    probe: String,
    at: DateTime<Utc>,
    spent: Duration,
    limit: Duration,
    variant: Option<String>,
    grants: &'static [&'static str],
    each_database: bool,
    statement: Statement,
    /// How it ended, where it gave no answer.
    ended: Option<Ended>,
    /// What could not be done besides.
    note: String,
}

impl Begun {
    fn capture(self, gather: Gather) -> Answer {
        let is_answered = self.ended.is_none();
        let cut = is_answered && gather.is_cut();
        let capture = Capture {
            probe: self.probe,
            variant: self.variant,
            at: self.at,
            took_ms: u64::try_from(self.spent.as_millis()).unwrap_or(u64::MAX),
            ended: self.ended.unwrap_or(Ended::Exit { status: 0 }),
            out: if is_answered { gather.into_json() } else { Vec::new() },
            err: self.note.into_bytes(),
            cut,
        };
        (self.id, capture)
    }
}

/// How carrying one statement went; a refusal is noted in [`Begun::ended`].
enum Carried {
    Answered,
    Ended,
    Cancelled,
}

/// Asks the statement of `begun` over `engine`, which is logged in first where it is not.
async fn carry(
    access: &Arc<Access>,
    engine: &mut Option<Box<dyn Engine>>,
    database: Option<&str>,
    begun: &mut Begun,
    gather: &mut Gather,
    ask: Asking<'_>,
) -> Result<Carried, TransportError> {
    if Instant::now() >= ask.deadline {
        begun.ended = Some(timed_out(access.session_limit));
        return Ok(Carried::Ended);
    }
    let entered = Instant::now();
    let mut line = match engine.take() {
        Some(line) => line,
        None => tokio::select! {
            opened = login(access, database) => opened?,
            () = ask.cancel.cancelled() => return Ok(Carried::Cancelled),
        },
    };
    let left = ask.deadline.saturating_duration_since(Instant::now());
    let limit = begun.limit.saturating_sub(begun.spent).min(left);
    let reading = Instant::now();
    let read = tokio::select! {
        read = unpanicking(line.read(&begun.statement, limit, gather)) => read.unwrap_or_else(|| Err(Fault::Lost { detail: GARBLED.into() })),
        () = tokio::time::sleep(limit) => Err(Fault::Stopped { detail: String::new() }),
        () = ask.cancel.cancelled() => {
            let _ = stop(&mut *line).await;
            return Ok(Carried::Cancelled);
        }
    };
    let took = reading.elapsed();
    begun.spent += entered.elapsed();
    let is_lost = matches!(read, Err(Fault::Lost { .. }));
    let is_over = is_lost && line.is_over();
    if !is_lost && (line.is_answering() || took >= limit) {
        if let Err(error) = stop(&mut *line).await {
            begun.note = format!("the statement could not be ended on the server, whose own limit will: {error}");
        }
    } else if !is_lost {
        *engine = Some(line);
    }
    let in_database = |detail: String| database.map_or_else(|| detail.clone(), |name| format!("database {name}: {detail}"));
    begun.ended = match read.map_err(|fault| fault.with_remedy(begun.grants, &access.user)) {
        Ok(()) => None,
        Err(Fault::Lost { .. }) if is_over => {
            gather.cut();
            None
        }
        Err(Fault::Lost { detail }) => return Err(TransportError::new(FailureKind::CutOff, Message::CutOff { detail: detail.into() })),
        Err(Fault::Stopped { .. }) if took >= server_limit(limit).mul_f64(0.9) => Some(timed_out(limit)),
        Err(Fault::Stopped { detail }) => Some(failed(FailKind::Other, &in_database(format!("ended by somebody else: {detail}")))),
        Err(Fault::Failed { kind, detail }) => Some(failed(kind, &in_database(detail))),
    };
    Ok(if begun.ended.is_none() { Carried::Answered } else { Carried::Ended })
}

async fn stop(line: &mut dyn Engine) -> Result<(), String> {
    match tokio::time::timeout(STOP_LIMIT, unpanicking(line.stop())).await {
        Ok(Some(stopped)) => stopped,
        Ok(None) => Err(GARBLED.to_owned()),
        Err(_) => Err(format!("no second connection within {} s", STOP_LIMIT.as_secs())),
    }
}

/// The first variant of the server's dialect whose version fits.
fn pick<'a>(ask: &'a SqlAsk, identity: &Identity) -> Option<&'a SqlVariant> {
    ask.variants.iter().find(|variant| variant.dialect == identity.dialect && variant.since <= identity.version)
}

fn name_of(variant: &SqlVariant) -> String {
    let dialect = match variant.dialect {
        Dialect::Postgres => "postgres",
        Dialect::Mysql => "mysql",
        Dialect::Mariadb => "mariadb",
        Dialect::Sqlite => "sqlite",
    };
    if variant.since == 0 { dialect.to_owned() } else { format!("{dialect} since {}", variant.since) }
}

fn timed_out(limit: Duration) -> Ended {
    Ended::TimedOut { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}

fn failed(kind: FailKind, detail: &str) -> Ended {
    Ended::Failed { kind, detail: detail.into() }
}

/// Nobody left to listen is not our failure: the run is over for them.
async fn send(answers: &mpsc::Sender<Answer>, answer: Answer) {
    let _ = answers.send(answer).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variant_that_fits_the_version_is_picked() {
        let ask = SqlAsk {
            variants: vec![
                SqlVariant::new(Dialect::Mysql, "a").since(800),
                SqlVariant::new(Dialect::Mariadb, "b"),
                SqlVariant::new(Dialect::Mysql, "c").since(507),
            ],
            binds: Vec::new(),
            each_database: false,
        };
        let server = |dialect, version| Identity { dialect, version, banner: String::new() };
        let picked = |dialect, version| pick(&ask, &server(dialect, version)).map(|variant| variant.statement.as_ref());
        assert_eq!(picked(Dialect::Mysql, 804), Some("a"));
        assert_eq!(picked(Dialect::Mysql, 507), Some("c"));
        assert_eq!(picked(Dialect::Mysql, 506), None);
        assert_eq!(picked(Dialect::Mariadb, 1011), Some("b"));
        assert_eq!(picked(Dialect::Postgres, 1500), None);
    }
}
