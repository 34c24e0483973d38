//! `rounds replay`: judges a recorded run again, offline, and says what came out otherwise.

use clap::Args;

use super::exit::Exit;
use super::kept::{load, open, short};
use super::places::Places;
use super::tell;
use crate::model::{ItemKey, untrusted};
use crate::replay::{self, Replay, ReplayError};

/// Arguments of `rounds replay`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds replay last\n  rounds replay 019a8c11\n\nExit status: 0 every item came out as recorded · 1 some did not · 2 something could not be judged again"
)]
pub(super) struct ReplayArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(default_value = "last")]
    run: String,
}

/// Judges again.
pub(super) async fn replay(args: ReplayArgs, places: &Places) -> Exit {
    let store = match open(places).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let run = match load(&store, &args.run).await {
        Ok(run) => run,
        Err(exit) => return exit,
    };
    let replayed = replay::replay(&store, &run).await;
    store.close().await;
    match replayed {
        Ok(replayed) => {
            println!("run {} · {}", short(&run.head.id), untrusted::visible(&run.head.playbook));
            show(&replayed);
            exit_of(&replayed)
        }
        Err(error @ ReplayError::NotKept { .. }) => {
            tell("this run cannot be judged again", &error);
            Exit::Unjudged
        }
        Err(error) => {
            tell("this run cannot be judged again", &error);
            Exit::Internal
        }
    }
}

fn show(replayed: &Replay) {
    for difference in &replayed.different {
        println!("≠ {}", place(&difference.key));
        for change in &difference.changes {
            let row = if change.row.is_empty() { String::new() } else { format!("{} · ", change.row) };
            println!("    {row}{}: recorded {}, replayed {}", change.what, change.stored, change.replayed);
        }
    }
    for item in &replayed.not_possible {
        println!("? {}: {}", place(&item.key), item.why);
    }
    if replayed.missing > 0 {
        println!("? {} planned items are not recorded", replayed.missing);
    }
    println!(
        "{} identical, {} different, {} not possible",
        replayed.same,
        replayed.different.len(),
        replayed.not_possible.len() + replayed.missing
    );
}

fn place(key: &ItemKey) -> String {
    let target = if key.target.is_empty() { "—" } else { &key.target };
    untrusted::visible(&format!("{} on {target}", key.line))
}

/// What differs weighs more than what could not be looked at; a run without items proves nothing.
fn exit_of(replayed: &Replay) -> Exit {
    if !replayed.different.is_empty() {
        Exit::Problems
    } else if !replayed.not_possible.is_empty() || replayed.missing > 0 || replayed.same == 0 {
        Exit::Unjudged
    } else {
        Exit::Fine
    }
}
