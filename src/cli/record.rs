//! `rounds record`: the answers of a recorded item as a file of captures, for `rounds test`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::places::Places;
use super::tell;
use crate::model::probe::FailKind;
use crate::model::untrusted::visible;
use crate::model::{Capture, Ended, ItemKey};
use crate::recorded;
use crate::store::{KeptCapture, Store};

/// Arguments of `rounds record`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds record last --item disk erp-db > df-full.txt\n  rounds record 019a --item disk erp-db --out tests/df-full.txt"
)]
pub(super) struct RecordArgs {
    /// The run: its id, the beginning of it, or `last`
    run: String,
    /// The item: its line and its target
    #[arg(long, num_args = 2, value_names = ["LINE", "TARGET"], required = true)]
    item: Vec<String>,
    /// File to write to; never over one that is there [default: standard output]
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the file.
pub(super) async fn record(args: &RecordArgs, places: &Places) -> Exit {
    let [line, target] = args.item.as_slice() else { return Exit::BadInput };
    let store = match Store::open(places.store()).await {
        Ok(store) => store,
        Err(error) => {
            tell(&format!("the store {}", places.store().display()), &error);
            return Exit::Internal;
        }
    };
    let kept = store.captures(&args.run, &ItemKey::new(line, target)).await;
    store.close().await;
    let kept = match kept {
        Ok(kept) => kept,
        Err(error) => {
            tell("no such item", &error);
            return Exit::BadInput;
        }
    };
    let text = match text(&kept) {
        Ok(text) => text,
        Err(why) => {
            eprintln!("rounds: {why}");
            return Exit::BadInput;
        }
    };
    let written = match &args.out {
        None => std::io::stdout().write_all(text.as_bytes()),
        Some(path) => {
            let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
            file.and_then(|mut file| file.write_all(text.as_bytes()))
        }
    };
    match written {
        Ok(()) => Exit::Fine,
        Err(error) => {
            tell("cannot write the captures", &error);
            Exit::Internal
        }
    }
}

/// The captures in the form that `recorded` reads. What does not come back as it was is refused, not bent.
fn text(kept: &[KeptCapture]) -> Result<String, String> {
    let mut captures = Vec::new();
    for capture in kept {
        let whole = capture.whole().ok_or_else(|| format!("retention has removed the answer to `{}`", visible(&capture.probe)))?;
        captures.push((capture.asked.clone().unwrap_or_default(), whole));
    }
    let Some((_, first)) = captures.first() else { return Err("the item has no captures: nothing was answered".to_owned()) };
    let asked: Vec<String> = captures.iter().map(|(asked, _)| visible(asked.lines().next().unwrap_or_default())).collect();
    let mut text = format!("# system: recorded by rounds {}\n# command: {}\n", env!("CARGO_PKG_VERSION"), asked.join(" ; "));
    text.push_str(&format!("# at: {}\n", first.at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true)));
    for (_, capture) in &captures {
        write_section(&mut text, capture)?;
    }
    let read = recorded::read(&text).map_err(|error| format!("these answers have no form in a file of captures: {error}"))?;
    let same = read.captures.len() == captures.len()
        && read.captures.iter().zip(&captures).all(|(read, (_, capture))| {
            let ended = match (&read.ended, &capture.ended) {
                (Ended::Failed { kind: a, .. }, Ended::Failed { kind: b, .. }) => a == b,
                (a, b) => a == b,
            };
            let failed = matches!(capture.ended, Ended::Failed { .. });
            ended
                && read.probe == capture.probe
                && read.cut == capture.cut
                && (failed || is_same(&read.out, &capture.out))
                && is_same(&read.err, &capture.err)
        });
    if same {
        Ok(text)
    } else {
        Err("these answers have no form in a file of captures: their lines would be taken for sections, or they are no text".to_owned())
    }
}

/// Equal but for the line end behind the last line, which the form always has.
fn is_same(read: &[u8], captured: &[u8]) -> bool {
    read.strip_suffix(b"\n").unwrap_or(read) == captured.strip_suffix(b"\n").unwrap_or(captured)
}

fn write_section(text: &mut String, capture: &Capture) -> Result<(), String> {
    let name = &capture.probe;
    let (head, body) = match &capture.ended {
        Ended::Exit { status } => (format!("status {status}"), None),
        Ended::TimedOut { limit_ms } => (format!("timed-out {limit_ms}ms"), None),
        Ended::Failed { kind, detail } => (format!("failed {}", word(*kind)), Some(detail.visible())),
    };
    let as_text = |bytes: &[u8]| {
        String::from_utf8(bytes.to_vec())
            .map_err(|_| format!("the answer to `{}` is no text, and a file of captures holds text", visible(name)))
    };
    let cut = if capture.cut { " cut" } else { "" };
    text.push_str(&format!("== {name} {head}{cut}\n"));
    let mut push = |body: &str| {
        text.push_str(body);
        if !body.is_empty() && !body.ends_with('\n') {
            text.push('\n');
        }
    };
    push(&body.map_or_else(|| as_text(&capture.out), Ok)?);
    if !capture.err.is_empty() {
        push(&format!("== {name} stderr\n"));
        push(&as_text(&capture.err)?);
    }
    Ok(())
}

const fn word(kind: FailKind) -> &'static str {
    match kind {
        FailKind::Permission => "permission",
        FailKind::Missing => "missing",
        FailKind::NoVariant => "no-variant",
        FailKind::OurSide => "our-side",
        FailKind::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Answer;

    fn kept(ended: Ended, out: &[u8], err: &[u8]) -> KeptCapture {
        KeptCapture {
            probe: "df".to_owned(),
            asked: Some("df -PkT\nmore".to_owned()),
            variant: None,
            at: "2026-11-21T10:00:00Z".parse().unwrap(),
            took_ms: 3,
            ended,
            cut: false,
            out: Answer::Kept(out.to_vec()),
            err: Answer::Kept(err.to_vec()),
        }
    }

    #[test]
    fn answers_come_back_as_they_were() {
        for capture in [
            kept(Ended::Exit { status: 0 }, b"a\n\n  b\n", b""),
            kept(Ended::Exit { status: 1 }, b"no line end", b"complaint\n"),
            kept(Ended::TimedOut { limit_ms: 1500 }, b"half", b""),
            kept(Ended::Failed { kind: FailKind::Permission, detail: "denied".into() }, b"", b""),
        ] {
            let read = recorded::read(&text(std::slice::from_ref(&capture)).unwrap()).unwrap();
            assert_eq!(read.captures[0].ended, capture.ended);
            assert_eq!(read.captures[0].at, capture.at);
        }
    }

    #[test]
    fn an_answer_that_would_be_bent_is_refused() {
        for out in [b"== df status 0\n" as &[u8], b"a\r\nb\r\n", b"\xff\xfe"] {
            assert!(text(&[kept(Ended::Exit { status: 0 }, out, b"")]).is_err(), "{out:?}");
        }
        let removed =
            KeptCapture { out: Answer::Removed { sha256: String::new(), size_bytes: 3 }, ..kept(Ended::Exit { status: 0 }, b"", b"") };
        assert!(text(&[removed]).is_err());
        assert!(text(&[]).is_err());
    }
}
