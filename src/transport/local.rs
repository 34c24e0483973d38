//! This machine: the same script as over SSH, in a process group of its own.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::carried::{Carried, END_LIMIT, Ending, SHELL, SLACK};
use super::frames::Stream;
use super::script;
use super::{Answer, Asked, FailureKind, Lines, Session, TransportError};
use crate::model::{Message, Target};

/// How long ending by force may take.
const FORCE_LIMIT: Duration = Duration::from_secs(2);

/// How many bytes are read at once.
const CHUNK: usize = 64 * 1024;

/// A session with this machine.
pub(super) struct Local {
    lines: Arc<Lines>,
    target: Arc<Target>,
    shell: &'static str,
}

/// A session with this machine. Nothing runs until it is asked.
///
/// # Errors
/// None yet; the signature is that of every transport.
pub fn open(lines: Arc<Lines>, target: Arc<Target>) -> Result<Box<dyn Session>, TransportError> {
    Ok(Box::new(Local::with_shell(lines, target, SHELL)))
}

#[async_trait]
impl Session for Local {
    async fn ask(&mut self, asked: Vec<Asked>, answers: mpsc::Sender<Answer>, cancel: CancellationToken) -> Result<(), TransportError> {
        let mut carried = Carried::new(&asked, &self.target, &self.lines, self.shell)?;
        if !hand_over(std::mem::take(&mut carried.refused), &answers, &cancel).await {
            return Ok(());
        }
        let mut child = self.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
        let ending = tokio::select! {
            ending = converse(&mut child, &mut carried, &answers, &cancel) => ending,
            () = sleep_until(Instant::now() + self.lines.session_limit + SLACK) => Ok(Ending::OutOfTime),
        };
        // Whatever happened: nothing of the script outlives it.
        if let Some(pid) = pid.filter(|_| !carried.is_finished() && matches!(child.try_wait(), Ok(None))) {
            tracing::warn!(shell.pid = pid, "the script did not end when told to: ending it by force");
            let force = Command::new("/bin/sh").args(["-c", &script::end_by_force(pid)]).stdin(Stdio::null()).output();
            let _ = timeout(FORCE_LIMIT, force).await;
        }
        if timeout(FORCE_LIMIT, child.wait()).await.is_err() {
            tracing::error!(shell.pid = pid, "could not make sure that the script has ended");
        }
        if !carried.still_running().is_empty() {
            tracing::warn!(pids = ?carried.still_running(), "processes of probes could not be ended");
        }
        match ending {
            Err(error) => Err(error),
            Ok(_) if cancel.is_cancelled() || answers.is_closed() => Ok(()),
            Ok(ending) => carried.verdict(ending),
        }
    }

    fn greeting(&self) -> Vec<(&'static str, String)> {
        vec![("address", "local".to_owned())]
    }
}

impl Local {
    /// A session whose shell is `shell`: one word or two, such as `busybox sh`.
    pub(super) const fn with_shell(lines: Arc<Lines>, target: Arc<Target>, shell: &'static str) -> Self {
        Self { lines, target, shell }
    }

    /// Starts the shell. It is not killed when dropped: the end of its input has it end its probes, too.
    fn spawn(&self) -> Result<Child, TransportError> {
        let (program, argument) = self.shell.split_once(' ').map_or((self.shell, None), |(program, argument)| (program, Some(argument)));
        Command::new(program)
            .args(argument)
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| our_side(&format!("cannot start {program}: {error}")))
    }
}

/// Sends the script and reads until it ends.
async fn converse(
    child: &mut Child,
    carried: &mut Carried,
    answers: &mpsc::Sender<Answer>,
    cancel: &CancellationToken,
) -> Result<Ending, TransportError> {
    let (Some(stdin), Some(mut out), Some(mut err)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(our_side("the shell was started without pipes"));
    };
    let mut sending = Some((stdin, std::mem::take(&mut carried.text), 0));
    let (mut out_chunk, mut err_chunk) = (vec![0; CHUNK], vec![0; CHUNK]);
    let (mut out_open, mut err_open) = (true, true);
    let mut give_up_at = None;
    while (out_open || err_open) && !carried.is_finished() {
        let (stream, read) = tokio::select! {
            // Standard input stays open: its end is the order to stop.
            wrote = write_some(&mut sending) => {
                if wrote.is_err() {
                    sending = None;
                }
                continue;
            }
            () = cancelled(cancel, answers), if give_up_at.is_none() => {
                sending = None;
                give_up_at = Some(Instant::now() + END_LIMIT);
                continue;
            }
            () = sleep_until(give_up_at.unwrap_or_else(Instant::now)), if give_up_at.is_some() => return Ok(Ending::Cancelled),
            read = out.read(&mut out_chunk), if out_open => (Stream::Out, read),
            read = err.read(&mut err_chunk), if err_open => (Stream::Err, read),
        };
        let bytes = match (stream, read) {
            (Stream::Out, Ok(0) | Err(_)) => {
                out_open = false;
                continue;
            }
            (Stream::Err, Ok(0) | Err(_)) => {
                err_open = false;
                continue;
            }
            (Stream::Out, Ok(size)) => &out_chunk[..size],
            (Stream::Err, Ok(size)) => &err_chunk[..size],
        };
        let ready = carried.take(stream, bytes)?;
        if give_up_at.is_none() && !hand_over(ready, answers, cancel).await {
            sending = None;
            give_up_at = Some(Instant::now() + END_LIMIT);
        }
    }
    Ok(Ending::Over)
}

/// Writes on; once all is written it never returns, so that the pipe stays open.
async fn write_some(sending: &mut Option<(ChildStdin, Vec<u8>, usize)>) -> std::io::Result<()> {
    match sending {
        Some((stdin, text, sent)) if *sent < text.len() => {
            *sent += stdin.write(&text[*sent..]).await?;
            Ok(())
        }
        _ => std::future::pending().await,
    }
}

async fn cancelled(cancel: &CancellationToken, answers: &mpsc::Sender<Answer>) {
    tokio::select! {
        () = cancel.cancelled() => {}
        () = answers.closed() => {}
    }
}

/// Sends captures on; `false` when nobody wants them any more.
async fn hand_over(ready: Vec<Answer>, answers: &mpsc::Sender<Answer>, cancel: &CancellationToken) -> bool {
    for answer in ready {
        let sent = tokio::select! {
            sent = answers.send(answer) => sent.is_ok(),
            () = cancel.cancelled() => false,
        };
        if !sent {
            return false;
        }
    }
    true
}

fn our_side(detail: &str) -> TransportError {
    TransportError::new(FailureKind::OurSide, Message::OurSide { detail: detail.to_owned() })
}
