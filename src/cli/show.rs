//! `rounds show`: a recorded run, an item of it, or the raw answers of an item.

use std::io::{IsTerminal as _, Write as _};

use clap::Args;

use super::exit::Exit;
use super::item_text;
use super::kept::{in_zone, load, open, plain, print_json, short, state_word};
use super::places::Places;
use super::run::language_of_environment;
use super::summary::{Paint, summary};
use super::{capture_text, tell};
use crate::model::{ItemRecord, Lang, RunRecord, untrusted};
use crate::report::{self, NoHistory, Source};
use crate::store::{Answer, KeptCapture, Store};

/// Arguments of `rounds show`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds show last\n  rounds show last disk erp-db\n  rounds show 019a8c11 disk erp-db --captures\n  rounds show last disk erp-db --captures --raw > answer"
)]
pub(super) struct ShowArgs {
    /// The run: its id, the beginning of it, or `last`
    #[arg(default_value = "last")]
    run: String,
    /// Only this item: the id of its line in the playbook
    #[arg(value_name = "ITEM_LINE")]
    line: Option<String>,
    /// Only on this target
    target: Option<String>,
    /// The raw answers, too, with visible codes for what is no plain text
    #[arg(long, requires = "line")]
    captures: bool,
    /// The bytes of the answers as they came and nothing else; never to a terminal
    #[arg(long, requires = "captures", conflicts_with = "json")]
    raw: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Language [default: that of the environment]
    #[arg(long, value_parser = ["en", "zh"])]
    lang: Option<String>,
}

/// Shows.
pub(super) async fn show(args: ShowArgs, places: &Places) -> Exit {
    if args.raw && std::io::stdout().is_terminal() {
        eprintln!("rounds: raw answers of a target are not written to a terminal: send them to a file, or leave out --raw");
        return Exit::BadInput;
    }
    let store = match open(places).await {
        Ok(store) => store,
        Err(exit) => return exit,
    };
    let run = match load(&store, &args.run).await {
        Ok(run) => run,
        Err(exit) => return exit,
    };
    let lang = args.lang.as_deref().and_then(Lang::from_code).unwrap_or_else(language_of_environment);
    let exit = match &args.line {
        None => show_run(&run, &args, lang),
        Some(line) => show_items(&store, &run, line, &args, lang).await,
    };
    store.close().await;
    exit
}

fn show_run(run: &RunRecord, args: &ShowArgs, lang: Lang) -> Exit {
    let sound = if run.tally().balances() { Exit::Fine } else { Exit::Internal };
    if args.json {
        let source = Source { run, previous: None, history: &NoHistory };
        return match report::json::json(&source, lang) {
            Ok(json) => {
                print!("{}", plain(&String::from_utf8_lossy(&json)));
                sound
            }
            Err(error) => {
                tell("no JSON", &error);
                Exit::Internal
            }
        };
    }
    let head = &run.head;
    println!("{} · {}", untrusted::visible(head.title.get(lang)), untrusted::visible(&head.playbook));
    println!(
        "{} · {} · {} · {}",
        head.id,
        in_zone(head.started, &head.timezone),
        state_word(run.state),
        untrusted::visible(&head.started_by)
    );
    println!();
    print!("{}", summary(run, lang, Paint::for_stdout()));
    sound
}

async fn show_items(store: &Store, run: &RunRecord, line: &str, args: &ShowArgs, lang: Lang) -> Exit {
    let is_asked = |item: &&ItemRecord| item.key.line == line && args.target.as_ref().is_none_or(|target| item.key.target == *target);
    let items: Vec<&ItemRecord> = run.items.iter().filter(is_asked).collect();
    if items.is_empty() {
        let on = args.target.as_ref().map_or_else(String::new, |target| format!(" on `{}`", untrusted::visible(target)));
        eprintln!("rounds: run {} has no item `{}`{on}", short(&run.head.id), untrusted::visible(line));
        return Exit::BadInput;
    }
    if args.json && !args.captures {
        return print_json(&items);
    }
    for (place, item) in items.iter().enumerate() {
        if !args.raw && !args.json {
            if place > 0 {
                println!();
            }
            print!("{}", item_text::item(item, &run.head.timezone, lang, Paint::for_stdout()));
        }
        if !args.captures {
            continue;
        }
        let captures = match store.captures(&run.head.id, &item.key).await {
            Ok(captures) => captures,
            Err(error) => {
                tell("the answers cannot be read", &error);
                return Exit::Internal;
            }
        };
        let exit = if args.raw {
            write_raw(&captures)
        } else if args.json {
            print_json(&capture_text::for_programs(&item.key, &captures))
        } else {
            print!("{}", capture_text::for_people(&captures, &run.head.timezone));
            Exit::Fine
        };
        if exit != Exit::Fine {
            return exit;
        }
    }
    Exit::Fine
}

/// What targets said, byte by byte.
fn write_raw(captures: &[KeptCapture]) -> Exit {
    let mut out = std::io::stdout().lock();
    for capture in captures {
        let Answer::Kept(bytes) = &capture.out else {
            eprintln!("rounds: retention has removed the answer of `{}`", untrusted::visible(&capture.probe));
            return Exit::BadInput;
        };
        if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
            tell("the answer cannot be written", &error);
            return Exit::Internal;
        }
    }
    Exit::Fine
}
