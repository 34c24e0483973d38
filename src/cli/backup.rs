//! `rounds backup`: a complete copy of the store while it is in use.

use std::path::PathBuf;

use clap::Args;

use super::exit::Exit;
use super::kept::{open, shown};
use super::places::Places;
use super::tell;
use crate::model::unit::show_bytes;

/// Arguments of `rounds backup`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds backup /backup/rounds-$(date +%F).db\n\nThe copy is a store: rounds --store FILE runs")]
pub(super) struct BackupArgs {
    /// The new file
    file: PathBuf,
}

/// Copies the store.
pub(super) async fn backup(args: BackupArgs, places: &Places) -> Exit {
    if args.file.exists() {
        eprintln!("rounds: {} exists already; a backup overwrites nothing", shown(&args.file));
        return Exit::BadInput;
    }
    let store = match open(places).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let copied = store.backup(&args.file).await;
    store.close().await;
    if let Err(error) = copied {
        tell("no backup was made", &error);
        return Exit::Internal;
    }
    #[expect(clippy::cast_precision_loss, reason = "sizes of files are below 2^52 bytes")]
    let size = std::fs::metadata(&args.file).map(|metadata| metadata.len() as f64);
    match size {
        Ok(size) => {
            println!("{} · {}", shown(&args.file), show_bytes(size));
            Exit::Fine
        }
        Err(error) => {
            tell("the backup cannot be looked at", &error);
            Exit::Internal
        }
    }
}
