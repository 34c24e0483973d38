//! ICMP echoes, by this machine's `ping`: raw sockets need rights that we do not want.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::{OurSide, Outcome};

/// Most echoes that one question may ask for.
const MOST: u32 = 100;

/// How long it waits for the last echo, in seconds.
const ECHO_LIMIT_S: &str = "2";

/// Sends `count` echoes to `host`. The capture has what the program prints and its exit status: 1 is "no echo came".
pub(super) async fn echo(host: &str, count: u32, limit: Duration, cap_bytes: usize) -> Result<Outcome, OurSide> {
    let count = count.clamp(1, MOST);
    let mut command = Command::new("ping");
    // Not `-w`: with a deadline it sends more than `count` where some are lost, and the share of the lost is another.
    command.env("LC_ALL", "C").args(["-n", "-c", &count.to_string(), "-W", ECHO_LIMIT_S, "--", host]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(OurSide::new("`ping` is not on this machine: apt-get install iputils-ping"));
        }
        Err(error) => return Err(OurSide::new(format!("`ping` cannot be run: {error}"))),
    };
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let running = async { tokio::join!(read(out, cap_bytes), read(err, cap_bytes), child.wait()) };
    let (out, err, status) =
        tokio::time::timeout(limit, running).await.map_err(|_| OurSide::new(format!("`ping` did not end within {} s", limit.as_secs())))?;
    let status = status.map_err(|error| OurSide::new(format!("`ping` cannot be run: {error}")))?;
    let status = status.code().ok_or_else(|| OurSide::new(format!("`ping` was ended: {status}")))?;
    let said = String::from_utf8_lossy(&err);
    if said.contains("Operation not permitted") || said.contains("must be run as root") {
        return Err(OurSide::new(format!("`ping` lacks its right here: {}; try `setcap cap_net_raw+ep` on it", said.trim())));
    }
    Ok(Outcome { status, out, err })
}

async fn read(pipe: Option<impl AsyncRead + Unpin>, cap_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // What cannot be read is missing in the answer, whose reader then finds no summary and says so.
        let _ = pipe.take(u64::try_from(cap_bytes).unwrap_or(u64::MAX)).read_to_end(&mut bytes).await;
    }
    bytes
}
