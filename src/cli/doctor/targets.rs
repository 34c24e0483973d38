//! The targets: whether their keys are known, their secrets can be had, and they let us in.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Looked;
use crate::cli::run;
use crate::inventory::Inventory;
use crate::model::probe::{Dialect, SqlVariant, answer};
use crate::model::{Kind, Probe, SecretRef, Target};
use crate::runner::logins::{Logins, Used, Withheld};
use crate::secret;
use crate::transport::{self, Asked, FailureKind, Lines, Session, ssh};

/// Targets that are tried at once.
const AT_ONCE: usize = 16;
/// Longest that one target may take, its jump hosts and questions included.
const LIMIT: Duration = Duration::from_mins(1);
/// Longest that the question for the account's rights may take.
const QUESTION_LIMIT: Duration = Duration::from_secs(10);
/// Longest that all questions to one target may take.
const SESSION_LIMIT: Duration = Duration::from_secs(30);

/// Whether the SSH agent answers, where a login asks it.
pub(super) async fn agent(targets: &[Arc<Target>]) -> Vec<Looked> {
    let asks: BTreeSet<&str> =
        targets.iter().filter_map(|target| target.login.as_ref()).filter(|login| login.agent).map(|login| login.id.as_str()).collect();
    if asks.is_empty() {
        return Vec::new();
    }
    let who = asks.into_iter().collect::<Vec<_>>().join(", ");
    let remedy = "start one (`eval $(ssh-agent)`; `ssh-add`), or give the login a key; services have none";
    let Some(socket) = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()) else {
        return vec![Looked::bad(format!("the logins {who} ask the SSH agent, and $SSH_AUTH_SOCK is not set"), remedy)];
    };
    let connected = tokio::task::spawn_blocking(move || UnixStream::connect(socket)).await;
    vec![match connected {
        Ok(Ok(_)) => Looked::well(format!("the SSH agent is there, for the logins {who}")),
        Ok(Err(error)) => Looked::bad(format!("the SSH agent does not answer: {error}"), remedy),
        Err(error) => Looked::bad(format!("the SSH agent cannot be asked: {error}"), remedy),
    }]
}

/// Whether every secret can be had; none is shown.
pub(super) async fn secrets(targets: &[Arc<Target>]) -> Vec<Looked> {
    let mut wanted: BTreeMap<String, &SecretRef> = BTreeMap::new();
    for login in targets.iter().filter_map(|target| target.login.as_ref()) {
        for (what, reference) in [("password", &login.password), ("key", &login.key), ("passphrase", &login.passphrase)] {
            if let Some(reference) = reference {
                wanted.insert(format!("the {what} of the login `{}`", login.id), reference);
            }
        }
    }
    let mut looked = Vec::new();
    for (what, reference) in wanted {
        looked.push(match secret::resolve(reference).await {
            Ok(_) => Looked::well(format!("{what} is there")),
            Err(error) => Looked::bad(format!("{what} cannot be had: {error}"), where_to_put(reference)),
        });
    }
    looked
}

fn where_to_put(reference: &SecretRef) -> String {
    match reference {
        SecretRef::Env(name) => format!("set {name} in the environment of rounds"),
        SecretRef::File(path) => format!("write it to {} and chmod 600 it, as the account that runs rounds", path.display()),
        SecretRef::Systemd(name) => format!("add LoadCredential={name}:PATH to the unit; there is none outside of systemd"),
        SecretRef::Command(command) => format!("try `{}` by hand", command.first().map_or("", String::as_str)),
    }
}

/// Which hosts have no key that we know.
pub(super) async fn known_hosts(inventory: &Inventory, targets: &[Arc<Target>]) -> Vec<Looked> {
    let lines = Arc::new(run::lines_of(inventory, SESSION_LIMIT));
    let hosts: Vec<&Arc<Target>> = targets.iter().filter(|target| target.kind == Kind::Host && !target.is_local()).collect();
    let mut looked = Vec::new();
    let mut known = 0;
    for host in &hosts {
        match ssh::knows(&lines, host).await {
            Ok(()) => known += 1,
            Err(error) => looked.push(Looked::bad(format!("{}: {error}", host.id), remedy(error.kind, host))),
        }
    }
    if known > 0 {
        looked.push(Looked::well(format!("the host keys of {known} of {} hosts are known or pinned", hosts.len())));
    }
    looked
}

/// Logs in to every target, asks databases for the account's rights, and logs out.
pub(super) async fn reach(inventory: &Inventory, targets: &[Arc<Target>]) -> Vec<Looked> {
    let lines = Arc::new(run::lines_of(inventory, SESSION_LIMIT));
    let (at_once, logins) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Logins::default()));
    let mut tries = JoinSet::new();
    for (place, target) in targets.iter().enumerate() {
        let (lines, at_once, logins, target) = (Arc::clone(&lines), Arc::clone(&at_once), Arc::clone(&logins), Arc::clone(target));
        tries.spawn(async move {
            // A semaphore of ours is never closed.
            let _turn = at_once.acquire_owned().await.ok();
            let looked = tokio::time::timeout(LIMIT, look(lines, &logins, &target)).await.unwrap_or_else(|_| {
                vec![Looked::bad(format!("{}: no answer within {} s", target.id, LIMIT.as_secs()), remedy(FailureKind::TimedOut, &target))]
            });
            (place, looked)
        });
    }
    let mut all = BTreeMap::new();
    while let Some(tried) = tries.join_next().await {
        match tried {
            Ok((place, looked)) => drop(all.insert(place, looked)),
            Err(error) => drop(all.insert(usize::MAX - all.len(), vec![Looked::bad(error.to_string(), "this is a fault of the program")])),
        }
    }
    all.into_values().flatten().collect()
}

async fn look(lines: Arc<Lines>, logins: &Logins, target: &Arc<Target>) -> Vec<Looked> {
    let id = &target.id;
    if !target.kind.has_transport() {
        let what = format!("{id}: there is no transport for {} yet", target.kind.id());
        return vec![Looked::doubtful(what, "its items are planned and come out as not run")];
    }
    if target.kind == Kind::Http {
        return vec![knock(target, lines.connect_limit).await];
    }
    let ids = target.login.as_ref().map(|login| login.id.clone()).into_iter().collect();
    let turn = match logins.turn(&ids).await {
        Ok(turn) => turn,
        Err(Withheld(login)) => {
            let what = format!("{id}: not tried, the login `{login}` was refused twice");
            return vec![Looked::bad(what, "put the login right first")];
        }
    };
    let opened = transport::open(lines, Arc::clone(target), CancellationToken::new()).await;
    let refused = target.login.as_ref().map(|login| login.id.clone());
    logins.end(
        turn,
        match (&opened, &refused) {
            (Ok(_), _) => Used::LetIn,
            (Err(error), Some(login)) if error.kind == FailureKind::LoginRefused && error.hop.as_ref().is_none_or(|hop| hop == id) => {
                Used::Refused(login)
            }
            _ => Used::Unknown,
        },
    );
    match opened {
        Ok(mut session) => {
            let mut looked = vec![Looked::well(format!("{id}: lets us in ({})", target.place()))];
            looked.extend(rights(&mut *session, target).await);
            looked
        }
        Err(error) => vec![Looked::bad(format!("{id}: {error}"), remedy(error.kind, target))],
    }
}

/// Whether the account of a database may do more than look.
async fn rights(session: &mut dyn Session, target: &Target) -> Option<Looked> {
    let statement = match target.kind {
        Kind::Postgres => {
            SqlVariant::new(Dialect::Postgres, "select rolsuper::text as super from pg_catalog.pg_roles where rolname = current_user")
        }
        Kind::Mysql => SqlVariant::new(
            Dialect::Mysql,
            "select if(count(*) > 0, 'true', 'false') as super from information_schema.user_privileges \
             where privilege_type in ('SUPER', 'SHUTDOWN', 'CREATE USER', 'FILE') and grantee = concat('''', \
             substring_index(current_user(), '@', 1), '''@''', substring_index(current_user(), '@', -1), '''')",
        ),
        _ => return None,
    };
    let asked = Asked { id: 0, probe: Probe::sql("rights", vec![statement]), limit: QUESTION_LIMIT };
    let (sender, mut answers) = mpsc::channel(2);
    let (carried, capture) = tokio::join!(session.ask(vec![asked], sender, CancellationToken::new()), answers.recv());
    let table = capture.and_then(|(_, capture)| serde_json::from_slice::<answer::Table>(&capture.out).ok());
    let is_super = table.and_then(|table| table.rows.into_iter().next()?.into_iter().next()?);
    let id = &target.id;
    Some(match (is_super.as_deref(), carried) {
        (Some("true"), _) => Looked::doubtful(
            format!("{id}: the account may change everything"),
            "give rounds an account of its own that only reads: `rounds grants` prints its rights",
        ),
        (Some("false"), _) => Looked::well(format!("{id}: the account is no superuser")),
        (_, Err(error)) => Looked::doubtful(format!("{id}: cannot tell what the account may do: {error}"), "ask the database by hand"),
        (_, Ok(())) => Looked::doubtful(format!("{id}: cannot tell what the account may do"), "ask the database by hand"),
    })
}

/// Whether somebody listens where a web endpoint is said to be.
async fn knock(target: &Target, limit: Duration) -> Looked {
    let (id, url) = (&target.id, target.url.clone().unwrap_or_default());
    let place = reqwest::Url::parse(&url)
        .ok()
        .and_then(|url| Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?)));
    let Some((host, port)) = place else {
        return Looked::bad(format!("{id}: `{url}` is no URL with a host"), "write it in the inventory as https://host/");
    };
    match tokio::time::timeout(limit, TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => Looked::well(format!("{id}: somebody listens at {host}:{port}")),
        Ok(Err(error)) => Looked::bad(format!("{id}: {host}:{port}: {error}"), "look at the name, the service and the firewalls between"),
        Err(_) => {
            Looked::bad(format!("{id}: no connection to {host}:{port} within {} s", limit.as_secs()), remedy(FailureKind::TimedOut, target))
        }
    }
}

/// What to do about a failure.
fn remedy(kind: FailureKind, target: &Target) -> String {
    let place = target.place();
    match kind {
        FailureKind::Refused => format!("is the service running, and is {place} its address and port?"),
        FailureKind::TimedOut => format!("is there a way to {place} from here: routes, firewalls, a jump host for `via:`?"),
        FailureKind::NoSuchName => "put the address in the inventory right, or the name into DNS".to_owned(),
        FailureKind::Identity => {
            let address = target.address.as_deref().unwrap_or(&target.id);
            format!(
                "compare `ssh-keyscan {address} | ssh-keygen -lf -` with the fingerprint from the machine itself, then pin it as `host_key:` or add it to known_hosts"
            )
        }
        FailureKind::LoginRefused => {
            "put account, key or password of its login right; is our public key in authorized_keys there?".to_owned()
        }
        FailureKind::CutOff => "look at its logs: it cut the line while logging in".to_owned(),
        FailureKind::Protocol => "something else answers there: look at port and address".to_owned(),
        FailureKind::OurSide => format!("put our side right ({})", if target.defined.is_empty() { "inventory" } else { &target.defined }),
    }
}
