//! `rounds checks`: the catalogue, as a table or as the whole manual in Markdown.

use clap::Args;

use super::exit::Exit;
use super::manual;
use crate::check::{Class, Entry};
use crate::checks;
use crate::model::{Kind, Lang};

/// Arguments of `rounds checks`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  rounds checks\n  rounds checks --kind postgres --lang zh\n  rounds checks --markdown > playbooks/CHECKS.md"
)]
pub(super) struct ChecksArgs {
    /// Only those for targets of this kind
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Language
    #[arg(long, default_value = "en", value_parser = ["en", "zh"])]
    lang: String,
    /// The whole manual in Markdown
    #[arg(long, conflicts_with = "kind")]
    markdown: bool,
}

/// Prints the catalogue.
pub(super) fn checks(args: &ChecksArgs) -> Exit {
    let lang = Lang::from_code(&args.lang).unwrap_or(Lang::En);
    if args.markdown {
        print!("{}", manual::markdown(lang));
        return Exit::Fine;
    }
    let kind = match args.kind.as_deref().map(|word| (word, Kind::from_id(word))) {
        None => None,
        Some((_, Some(kind))) => Some(kind),
        Some((word, None)) => {
            eprintln!("rounds: there is no kind `{word}`; one of {}", Kind::ALL.map(Kind::id).join(", "));
            return Exit::BadInput;
        }
    };
    print!("{}", table(kind, lang));
    Exit::Fine
}

/// The checks by class, a line each.
#[must_use]
pub(super) fn table(kind: Option<Kind>, lang: Lang) -> String {
    let mut text = String::new();
    for class in Class::ALL {
        let fits = |entry: &&Entry| entry.meta.class == class && kind.is_none_or(|kind| entry.meta.kinds.contains(&kind));
        let entries: Vec<&Entry> = checks::CATALOGUE.iter().filter(fits).collect();
        if entries.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("{}\n", class.label().get(lang)));
        for entry in entries {
            let meta = entry.meta;
            let kinds: Vec<&str> = meta.kinds.iter().map(|kind| kind.id()).collect();
            text.push_str(&format!("  {:<24} {} ({})\n", meta.id, meta.title.get(lang), kinds.join(", ")));
            for (level, rule) in [("warn", meta.warn), ("crit", meta.crit)] {
                if let Some(rule) = rule {
                    text.push_str(&format!("  {:<24}   {level}: {rule}\n", ""));
                }
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_listed_once() {
        let table = table(None, Lang::En);
        for entry in checks::CATALOGUE {
            let lines = table.lines().filter(|line| line.split_whitespace().next() == Some(entry.meta.id)).count();
            assert_eq!(lines, 1, "{}", entry.meta.id);
        }
    }
}
