//! A session with a database: probes one after another over one connection, each with its variant, limit and caps.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Access;
use super::carry::{Asking, Begun, Carried, carry, failed};
use super::engine::{Engine, Identity};
use super::gather::Gather;
use super::statement::{self, Statement};
use crate::model::probe::{Ask, Dialect, FailKind, SqlAsk, SqlVariant, answer};
use crate::transport::{Answer, Asked, FailureKind, Session, TransportError};

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
            let mut of_its_own = None;
            // The session is in one of them already: logging in there again would be one login too many.
            let engine = if name == self.access.database() { &mut self.engine } else { &mut of_its_own };
            for (begun, gather) in begun.iter_mut().zip(&mut gathers) {
                if begun.ended.is_some() || gather.is_cut() {
                    continue;
                }
                gather.database(name);
                match carry(&self.access, engine, Some(name), begun, gather, ask).await {
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
        if self.identity.dialect != Dialect::Sqlite {
            greeting.push(("user", self.access.user.clone()));
            greeting.push(("tls", self.access.tls_word().to_owned()));
        }
        greeting
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
