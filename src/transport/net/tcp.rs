//! Whether a TCP connection is accepted.

use std::time::Duration;

use tokio::time::Instant;

use super::{OurSide, fine_millis};
use crate::model::probe::answer;
use crate::transport::dial::{DialError, DialFailure, dial};

/// Connects and hangs up.
pub(super) async fn knock(host: &str, port: u16, limit: Duration) -> Result<answer::Tcp, OurSide> {
    let began = Instant::now();
    let dialled = dial(host, port, limit).await;
    let took_ms = fine_millis(began.elapsed());
    match dialled {
        Ok(_) => Ok(answer::Tcp { open: true, took_ms, failure: None, detail: None }),
        Err(error) => {
            let (failure, detail) = failure(error)?;
            Ok(answer::Tcp { open: false, took_ms, failure: Some(failure), detail: Some(detail) })
        }
    }
}

/// The word for a failure to connect, and what the system said; a failure on our side is none of theirs.
pub(super) fn failure(error: DialError) -> Result<(String, String), OurSide> {
    let word = match error.kind {
        DialFailure::Refused => "refused",
        DialFailure::TimedOut => "timed-out",
        DialFailure::NoSuchName => "dns",
        DialFailure::Unreachable => "unreachable",
        DialFailure::OurSide => return Err(OurSide(error.detail)),
    };
    Ok((word.to_owned(), error.detail))
}
