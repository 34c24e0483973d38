//! `rounds prune`: removes what is older than it need be kept.

use chrono::{DateTime, Duration, Utc};
use clap::Args;

use super::exit::Exit;
use super::kept::{open, short};
use super::places::Places;
use super::tell;
use crate::model::unit::{Literal, parse, show_bytes};
use crate::model::untrusted;
use crate::store::{Keep, Pruned};

/// Arguments of `rounds prune`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds prune --runs-older-than 400d --captures-older-than 90d --dry-run\n\nA run stays however old it is while an open problem was seen in it or an item was last judged well in it."
)]
pub(super) struct PruneArgs {
    /// Runs begun longer ago go, with all that belongs to them
    #[arg(long, value_name = "AGE", value_parser = age, required_unless_present = "captures_older_than")]
    runs_older_than: Option<Duration>,
    /// Raw answers given longer ago go; verdicts and values stay
    #[arg(long, value_name = "AGE", value_parser = age)]
    captures_older_than: Option<Duration>,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
}

/// Removes, or says what would be removed.
pub(super) async fn prune(args: PruneArgs, places: &Places) -> Exit {
    let store = match open(places).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let now = Utc::now();
    let since = |age: Option<Duration>| -> Option<DateTime<Utc>> { age.and_then(|age| now.checked_sub_signed(age)) };
    let keep = Keep { runs_since: since(args.runs_older_than), captures_since: since(args.captures_older_than) };
    let pruned = if args.dry_run { store.prunable(keep).await } else { store.prune(keep, now).await };
    store.close().await;
    match pruned {
        Ok(pruned) => {
            show(&pruned, args.dry_run);
            Exit::Fine
        }
        Err(error) => {
            tell("not everything could be removed", &error);
            Exit::Internal
        }
    }
}

fn show(pruned: &Pruned, dry_run: bool) {
    for (word, runs) in [("removed", &pruned.runs), ("still needed", &pruned.spared)] {
        for run in runs {
            println!("{} · {} · {} · {word}", short(&run.id), untrusted::visible(&run.playbook), run.started.format("%Y-%m-%d %H:%M UTC"));
        }
    }
    let done = if dry_run { "would be removed" } else { "removed" };
    #[expect(clippy::cast_precision_loss, reason = "sizes of stores are below 2^52 bytes")]
    let size = show_bytes(pruned.content_bytes as f64);
    println!(
        "{} runs, {} solved findings, {} raw answers ({size}) {done}; {} old runs are still needed",
        pruned.runs.len(),
        pruned.findings,
        pruned.contents,
        pruned.spared.len()
    );
}

/// An age such as `90d`.
fn age(text: &str) -> Result<Duration, String> {
    match parse(text) {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be far below 2^63 s")]
        Ok(Literal::Duration(seconds)) if (1.0..1e11).contains(&seconds) => Ok(Duration::seconds(seconds as i64)),
        _ => Err("write an age such as 90d or 12h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_a_unit_and_is_not_nothing() {
        assert_eq!(age("90d"), Ok(Duration::days(90)));
        for slip in ["90", "0d", "-3d", "x", "5%"] {
            assert!(age(slip).is_err(), "{slip}");
        }
    }
}
