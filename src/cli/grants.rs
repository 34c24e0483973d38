//! `rounds grants`: the rights that a playbook's questions need in databases, as GRANT statements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::model::probe::{Ask, Dialect};
use crate::model::untrusted::visible;
use crate::playbook::{Narrow, Plan, Work};

/// Arguments of `rounds grants`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  rounds grants postgres-daily\n  rounds grants mysql-daily --target erp-mysql --user inspect")]
pub(super) struct GrantsArgs {
    /// Playbook: a file, or the id of one of the site or of one that ships
    playbook: String,
    /// Account in the databases [default: that of each login]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only these targets, groups or systems
    #[arg(long, short = 't', value_name = "NAME")]
    target: Vec<String>,
}

/// Prints the statements.
pub(super) fn grants(args: &GrantsArgs, places: &Places) -> Exit {
    let narrow = Narrow { targets: args.target.clone(), ..Narrow::default() };
    let (loaded, plan) = load::plan(&places.site(), &args.playbook, &narrow);
    loaded.show_faults();
    let Some(plan) = plan.filter(|_| !loaded.faults.any_error()) else { return Exit::BadInput };
    print!("{}", statements(&plan, args.user.as_deref()));
    Exit::Fine
}

/// What an account needs on servers of one dialect.
#[derive(Default)]
struct Need {
    targets: BTreeSet<String>,
    /// Statements, each with the checks that it is for and the first version of the server that they need it on.
    grants: BTreeMap<String, BTreeMap<String, u32>>,
}

/// The statements of all accounts, by dialect.
#[must_use]
pub(super) fn statements(plan: &Plan, user: Option<&str>) -> String {
    let mut text = format!("-- What the playbook `{}` needs beyond connecting; made by `rounds grants`.\n", visible(&plan.playbook));
    let needs = needs(plan, user);
    if needs.is_empty() {
        text.push_str("-- Nothing: none of its questions to a database needs a right of its own.\n");
    }
    for ((dialect, account), need) in &needs {
        let targets: Vec<&str> = need.targets.iter().map(String::as_str).collect();
        let _ = write!(text, "\n-- {dialect}, account {}: {}\n", visible(account), targets.join(", "));
        for (grant, reasons) in &need.grants {
            let reasons: Vec<String> = reasons.iter().map(|(check, since)| format!("{check}{}", versions(dialect, *since))).collect();
            let _ = writeln!(text, "-- for {}", reasons.join(", "));
            let _ = writeln!(text, "{grant};");
        }
    }
    text
}

fn needs(plan: &Plan, user: Option<&str>) -> BTreeMap<(&'static str, String), Need> {
    let mut needs: BTreeMap<(&'static str, String), Need> = BTreeMap::new();
    for item in &plan.items {
        let (Some(target), Work::Check(check)) = (&item.target, &item.work) else { continue };
        let of_login = target.login.as_ref().and_then(|login| login.user.clone());
        let account = user.map(str::to_owned).or(of_login).unwrap_or_else(|| "inspect".to_owned());
        for probe in &check.probes {
            let Ask::Sql(sql) = &probe.ask else { continue };
            for variant in &sql.variants {
                for grant in variant.grants {
                    let need = needs.entry((variant.dialect.id(), account.clone())).or_default();
                    need.targets.insert(target.id.clone());
                    let statement = grant.replace("{user}", &quoted(variant.dialect, &account));
                    let since = need.grants.entry(statement).or_default().entry(item.texts.check.clone()).or_insert(variant.since);
                    *since = variant.since.min(*since);
                }
            }
        }
    }
    needs
}

/// An account as its dialect wants it written.
fn quoted(dialect: Dialect, account: &str) -> String {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => format!("\"{}\"", account.replace('"', "\"\"")),
        Dialect::Mysql | Dialect::Mariadb => {
            // `inspect@10.1.1.%` names the hosts that it comes from; without them it is any.
            let (name, host) = account.split_once('@').unwrap_or((account, "%"));
            let text = |part: &str| format!("'{}'", part.replace('\\', "\\\\").replace('\'', "''"));
            format!("{}@{}", text(name), text(host))
        }
    }
}

/// From which version of the server on; nothing for all of them.
fn versions(dialect: &str, since: u32) -> String {
    match since {
        0 => String::new(),
        _ if dialect == Dialect::Postgres.id() => format!(" (from version {})", since / 100),
        _ => format!(" (from version {}.{})", since / 100, since % 100),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_one_word_whatever_it_holds() {
        assert_eq!(quoted(Dialect::Postgres, "in\"spect"), "\"in\"\"spect\"");
        assert_eq!(quoted(Dialect::Mysql, "o'neil"), "'o''neil'@'%'");
        assert_eq!(quoted(Dialect::Mariadb, "inspect@10.1.%"), "'inspect'@'10.1.%'");
    }

    #[test]
    fn nothing_needed_is_said_and_not_left_to_be_guessed() {
        assert!(statements(&crate::cli::testing::empty_plan(), None).contains("-- Nothing"));
    }

    #[test]
    fn every_grant_of_the_catalogue_says_for_whom() {
        for entry in crate::checks::CATALOGUE {
            for (_, grant) in crate::cli::manual::rights(entry).grants {
                assert!(grant.contains("{user}") && !grant.ends_with(';'), "{}: {grant}", entry.meta.id);
            }
        }
    }
}
