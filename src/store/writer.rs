//! One writer a process: writes queue up, and those that wait together are committed together.
//!
//! A caller gets its answer only after the COMMIT that holds its write was synced to disk (`synchronous=FULL`), so that
//! whatever was answered survives a power cut. While one commit is being synced, further writes gather and share the next
//! one: no write is held back on purpose, and a thousand targets do not need a thousand syncs. Each write runs in a
//! savepoint of its own; one that fails takes nothing of its neighbours with it. When the commit itself fails, all of its
//! writes have failed and are told so.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::StoreError;
use super::error::While as _;

/// How many writes may wait; whoever comes then waits to queue.
const QUEUE: usize = 256;
/// How many writes share a commit at most: other processes want to write, too.
const BATCH: usize = 64;
/// How long a caller waits for its answer, queueing included.
const LIMIT: Duration = Duration::from_mins(2);

/// Something to be written.
pub(super) trait Write: Send + 'static {
    /// What the caller is told.
    type Answer: Send + 'static;

    /// Writes it, inside a transaction that is not its own.
    fn write(self, to: &mut SqliteConnection) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;
}

/// The writer's front.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Sender<Box<dyn Queued>>,
    task: JoinHandle<()>,
}

impl Writer {
    /// Starts to write through `connection`, which `options` can make anew.
    pub(super) fn start(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        Self { queue, task: tokio::spawn(work(connection, options, waiting)) }
    }

    /// Has `write` written, and waits until it is on the disk.
    pub(super) async fn submit<W: Write>(&self, write: W) -> Result<W::Answer, StoreError> {
        let (reply, answer) = oneshot::channel();
        let waiting = Box::new(Waiting { step: Step::Asked(write), reply });
        let done = async {
            self.queue.send(waiting).await.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)?
        };
        timeout(LIMIT, done).await.map_err(|_| StoreError::Stuck { limit_s: LIMIT.as_secs() })?
    }

    /// Writes what still waits, and ends.
    pub(super) async fn stop(self) {
        drop(self.queue);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the writer of the store failed");
        }
    }
}

/// A write in the queue, its types hidden.
#[async_trait]
trait Queued: Send {
    /// Writes it; whether its changes are to be kept.
    async fn carry(&mut self, to: &mut SqliteConnection) -> bool;
    /// Tells the caller, once its changes are on the disk or have failed to get there.
    fn settle(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Waiting<W: Write> {
    step: Step<W>,
    reply: oneshot::Sender<Result<W::Answer, StoreError>>,
}

enum Step<W: Write> {
    Asked(W),
    Carried(Result<W::Answer, StoreError>),
}

#[async_trait]
impl<W: Write> Queued for Waiting<W> {
    async fn carry(&mut self, to: &mut SqliteConnection) -> bool {
        // Until it is carried out, the answer is that it was not.
        let Step::Asked(write) = std::mem::replace(&mut self.step, Step::Carried(Err(StoreError::Closed))) else { return false };
        let answer = write.write(to).await;
        let keep = answer.is_ok();
        self.step = Step::Carried(answer);
        keep
    }

    fn settle(self: Box<Self>, committed: Result<(), StoreError>) {
        let answer = match (self.step, committed) {
            // Why it failed by itself says more than what became of the commit.
            (Step::Carried(Err(error)), _) | (_, Err(error)) => Err(error),
            (Step::Carried(Ok(answer)), Ok(())) => Ok(answer),
            (Step::Asked(_), Ok(())) => Err(StoreError::Closed),
        };
        // A caller that has gone away is told nothing.
        let _ = self.reply.send(answer);
    }
}

async fn work(connection: SqliteConnection, options: SqliteConnectOptions, mut waiting: mpsc::Receiver<Box<dyn Queued>>) {
    let mut connection = Some(connection);
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let committed = commit_with(&mut connection, &options, &mut batch).await;
        for queued in batch.drain(..) {
            queued.settle(committed.clone());
        }
    }
    if let Some(connection) = connection
        && let Err(error) = connection.close().await
    {
        tracing::warn!(%error, "the store was not closed cleanly; nothing recorded is lost");
    }
}

/// Commits with the connection at hand; one that failed is not trusted with a second batch.
async fn commit_with(
    connection: &mut Option<SqliteConnection>,
    options: &SqliteConnectOptions,
    batch: &mut [Box<dyn Queued>],
) -> Result<(), StoreError> {
    let mut used = match connection.take() {
        Some(used) => used,
        None => options.connect().await.doing("opening it again after a failure")?,
    };
    commit(&mut used, batch).await?;
    *connection = Some(used);
    Ok(())
}

async fn commit(connection: &mut SqliteConnection, batch: &mut [Box<dyn Queued>]) -> Result<(), StoreError> {
    // IMMEDIATE: waiting for other writers happens here, within the busy limit, and never in the middle.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.doing("beginning to write")?;
    for queued in batch {
        let mut savepoint = transaction.begin().await.doing("beginning to write")?;
        if queued.carry(&mut savepoint).await {
            savepoint.commit().await.doing("writing")?;
        } else {
            // After a full disk SQLite may have rolled back everything: then this fails, and so does the batch.
            savepoint.rollback().await.doing("taking back a failed write")?;
        }
    }
    transaction.commit().await.doing("committing to disk")
}
