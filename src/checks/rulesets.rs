//! The rules of a firewall as nftables and iptables print them, as far as they tell what becomes of what comes in.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::Parts;
use crate::check::Unreadable;

/// A chain of rules, of either tool.
pub(super) struct Chain {
    /// `IPv4`, `IPv6`, or both of them.
    pub(super) families: &'static [&'static str],
    /// Chains jump to others of the same table.
    pub(super) table: String,
    /// Its name.
    pub(super) name: String,
    /// The policy of a chain that sees what comes in; `None` for all other chains.
    pub(super) input_policy: Option<String>,
    /// How many rules it has.
    pub(super) rules: usize,
    /// Every chain that some rule of it jumps to.
    jumps: BTreeSet<String>,
    /// What its rules without any condition do, in order.
    always: Vec<Step>,
}

/// What a rule without a condition does with everything that comes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Accept,
    TurnAway,
    Return,
    Jump(String),
    Goto(String),
}

/// What becomes of what no condition caught.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Accepted,
    TurnedAway,
    /// It comes to the end of the chain.
    Undecided,
}

/// The chains of every tool that was asked.
///
/// # Errors
/// When a line is none that the tools print.
pub(super) fn read(parts: &Parts<'_>) -> Result<Vec<Chain>, Unreadable> {
    let mut chains = Vec::new();
    if let Some(ruleset) = parts.get("nft") {
        read_nft(ruleset, &mut chains)?;
    }
    let tools = [("iptables", &["IPv4"]), ("iptables-legacy", &["IPv4"]), ("ip6tables", &["IPv6"]), ("ip6tables-legacy", &["IPv6"])];
    for (part, families) in tools {
        if let Some(rules) = parts.get(part) {
            read_iptables(part, rules, families, &mut chains)?;
        }
    }
    Ok(chains)
}

/// `from`, and every chain of `all` that some rule of them leads to.
pub(super) fn reached<'a>(from: &[&'a Chain], all: &[&'a Chain]) -> Vec<&'a Chain> {
    let mut reached = from.to_vec();
    let mut at = 0;
    while let Some(chain) = reached.get(at).copied() {
        for next in chain.jumps.iter().filter_map(|name| named(name, chain, all)) {
            if !reached.iter().any(|known| std::ptr::eq(*known, next)) {
                reached.push(next);
            }
        }
        at += 1;
    }
    reached
}

/// Whether what no condition of `chain` or of the chains it leads to caught is dropped or rejected in the end.
pub(super) fn turns_the_rest_away<'a>(chain: &'a Chain, all: &[&'a Chain]) -> bool {
    match fate(chain, all, &mut BTreeMap::new(), 0) {
        Fate::TurnedAway => true,
        Fate::Accepted => false,
        Fate::Undecided => chain.input_policy.as_deref() == Some("drop"),
    }
}

/// The kernel allows 16 jumps one in another; a ring of them cannot be loaded, only written by whoever lies to us.
const DEEPEST: usize = 16;

/// `known` holds what was found out already, so that a hostile ruleset costs no more than its size.
fn fate<'a>(chain: &'a Chain, all: &[&'a Chain], known: &mut BTreeMap<&'a str, Fate>, depth: usize) -> Fate {
    if depth > DEEPEST {
        return Fate::Undecided;
    }
    if let Some(found) = known.get(&*chain.name) {
        return *found;
    }
    known.insert(&chain.name, Fate::Undecided);
    let mut fate_in = |name: &str| named(name, chain, all).map_or(Fate::Undecided, |next| fate(next, all, known, depth + 1));
    let mut found = Fate::Undecided;
    for step in &chain.always {
        found = match step {
            Step::Accept => Fate::Accepted,
            Step::TurnAway => Fate::TurnedAway,
            Step::Return => break,
            Step::Goto(name) => {
                found = fate_in(name);
                break;
            }
            Step::Jump(name) => fate_in(name),
        };
        if found != Fate::Undecided {
            break;
        }
    }
    known.insert(&chain.name, found);
    found
}

fn named<'a>(name: &str, from: &Chain, all: &[&'a Chain]) -> Option<&'a Chain> {
    all.iter().copied().find(|chain| chain.table == from.table && chain.name == name)
}

/// `nft list ruleset`: tables, in them sets, maps and chains, in these one rule a line.
fn read_nft(ruleset: &str, chains: &mut Vec<Chain>) -> Result<(), Unreadable> {
    let unreadable = |line: &str| Unreadable::new("nft list ruleset", line);
    let mut table: Option<(String, &'static [&'static str])> = None;
    let mut depth = 0_usize;
    let mut in_chain = false;
    for line in ruleset.lines() {
        let bare = without_strings(line);
        let words: Vec<&str> = bare.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["#", ..] => continue,
            ["table", family, name, ..] if depth == 0 => table = Some((format!("{family} {name}"), families(family))),
            ["chain", name, ..] if depth == 1 => {
                let (table, families) = table.clone().ok_or_else(|| unreadable(line))?;
                chains.push(Chain::new(families, table, name));
                in_chain = true;
            }
            _ if depth == 0 => return Err(unreadable(line)),
            ["}"] => {}
            _ if in_chain => chains.last_mut().ok_or_else(|| unreadable(line))?.read_nft_line(&words),
            _ => {}
        }
        depth = (depth + bare.matches('{').count()).checked_sub(bare.matches('}').count()).ok_or_else(|| unreadable(line))?;
        in_chain = in_chain && depth > 1;
    }
    if depth == 0 { Ok(()) } else { Err(unreadable("it breaks off")) }
}

/// `line` with what stands in double quotes left out: comments and prefixes of logs may hold any word.
fn without_strings(line: &str) -> String {
    line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

fn families(family: &str) -> &'static [&'static str] {
    match family {
        "inet" => &["IPv4", "IPv6"],
        "ip" => &["IPv4"],
        "ip6" => &["IPv6"],
        _ => &[],
    }
}

/// `iptables -S`: `-P CHAIN POLICY`, `-N CHAIN`, `-A CHAIN … -j TARGET`.
fn read_iptables(tool: &'static str, text: &str, families: &'static [&'static str], chains: &mut Vec<Chain>) -> Result<(), Unreadable> {
    let mut by_name: BTreeMap<String, Chain> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let bare = without_strings(line);
        let words: Vec<&str> = bare.split_whitespace().collect();
        let [command, name, rest @ ..] = &words[..] else { return Err(Unreadable::new(tool, line)) };
        if matches!(*command, "-P" | "-N") {
            let mut chain = Chain::new(families, tool.to_owned(), name);
            chain.input_policy = (*name == "INPUT").then(|| rest.first().map_or_else(String::new, |policy| policy.to_ascii_lowercase()));
            by_name.insert((*name).to_owned(), chain);
            continue;
        }
        let chain = by_name.get_mut(*name).filter(|_| *command == "-A").ok_or_else(|| Unreadable::new(tool, line))?;
        chain.read_iptables_rule(rest);
    }
    if !by_name.contains_key("INPUT") {
        return Err(Unreadable::new(tool, "the chain INPUT is missing"));
    }
    chains.extend(by_name.into_values());
    Ok(())
}

impl Chain {
    fn new(families: &'static [&'static str], table: String, name: &str) -> Self {
        Self { families, table, name: name.to_owned(), input_policy: None, rules: 0, jumps: BTreeSet::new(), always: Vec::new() }
    }

    fn read_nft_line(&mut self, words: &[&str]) {
        let words: Vec<&str> = words.iter().map(|word| word.trim_end_matches([',', ';'])).collect();
        if words.first() == Some(&"type") {
            let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
            if after("hook") == Some("input") && !self.families.is_empty() {
                self.input_policy = Some(after("policy").unwrap_or("accept").to_owned());
            }
            return;
        }
        if words.first() == Some(&"comment") {
            return;
        }
        self.rules += 1;
        self.jumps.extend(words.windows(2).filter(|pair| matches!(pair[0], "jump" | "goto")).map(|pair| pair[1].to_owned()));
        let mut rest = without_counters(&words).into_iter();
        let step = match (rest.next(), rest.next()) {
            (Some("accept"), _) => Step::Accept,
            (Some("drop" | "reject"), _) => Step::TurnAway,
            (Some("return"), _) => Step::Return,
            (Some("jump"), Some(chain)) => Step::Jump(chain.to_owned()),
            (Some("goto"), Some(chain)) => Step::Goto(chain.to_owned()),
            // Anything else before the verdict is a condition.
            _ => return,
        };
        self.always.push(step);
    }

    fn read_iptables_rule(&mut self, rest: &[&str]) {
        self.rules += 1;
        // A comment is written like a condition and is none.
        let rest = match rest {
            ["-m", "comment", "--comment", _, rest @ ..] => rest,
            _ => rest,
        };
        let Some(at) = rest.iter().position(|word| matches!(*word, "-j" | "-g")) else { return };
        let Some(&target) = rest.get(at + 1) else { return };
        let step = match target {
            "ACCEPT" => Step::Accept,
            "DROP" | "REJECT" => Step::TurnAway,
            "RETURN" => Step::Return,
            // LOG, MARK and their like go on with the next rule, as does a jump to a chain that is not there.
            _ if rest[at] == "-j" => Step::Jump(target.to_owned()),
            _ => Step::Goto(target.to_owned()),
        };
        if let Step::Jump(chain) | Step::Goto(chain) = &step {
            self.jumps.insert(chain.clone());
        }
        if at == 0 {
            self.always.push(step);
        }
    }
}

/// The words of a rule without those that only count, log or comment.
fn without_counters<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < words.len() {
        at += match words[at..] {
            ["counter", "packets", _, "bytes", _, ..] => 5,
            ["comment" | "prefix" | "level" | "group" | "snaplen" | "queue-threshold" | "flags", _, ..] if kept.is_empty() => 2,
            ["counter" | "log", ..] => 1,
            _ => {
                kept.push(words[at]);
                1
            }
        };
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn nft(rules: &str, expected: bool) {
        let text = format!(
            "table ip f {{\n\tchain input {{\n\t\ttype filter hook input priority filter; policy accept;\n{rules}\t}}\n\tchain last {{\n\t\tdrop\n\t}}\n}}\n"
        );
        let mut chains = Vec::new();
        read_nft(&text, &mut chains).unwrap_or_else(|error| panic!("{error:?}"));
        let all: Vec<&Chain> = chains.iter().collect();
        assert_eq!(turns_the_rest_away(all[0], &all), expected, "{rules}");
    }

    #[track_caller]
    fn iptables(rules: &str, expected: bool) {
        let text = format!("-P INPUT ACCEPT\n-N own\n{rules}");
        let mut chains = Vec::new();
        read_iptables("iptables", &text, &["IPv4"], &mut chains).unwrap_or_else(|error| panic!("{error:?}"));
        let all: Vec<&Chain> = chains.iter().collect();
        let input = all.iter().find(|chain| chain.name == "INPUT").unwrap();
        assert_eq!(turns_the_rest_away(input, &all), expected, "{rules}");
    }

    #[test]
    fn a_last_rule_for_all_the_rest_is_a_firewall() {
        nft("tcp dport 22 accept\ncounter packets 1 bytes 2 drop\n", true);
        nft("tcp dport 22 accept\nlog prefix \"accept\" level warn drop\n", true);
        nft("jump last\n", true);
        nft("goto last\naccept\n", true);
        iptables("-A INPUT -p tcp --dport 22 -j ACCEPT\n-A INPUT -j REJECT --reject-with icmp-host-prohibited\n", true);
        iptables("-A INPUT -j own\n-A own -m comment --comment \"all else\" -j DROP\n", true);
    }

    #[test]
    fn rules_against_single_ports_are_none() {
        nft("tcp dport 23 drop\n", false);
        nft("ct state invalid drop\n", false);
        nft("ip saddr 192.0.2.1 jump last\n", false);
        nft("accept\ndrop\n", false);
        nft("limit rate over 5/second drop\n", false);
        iptables("-A INPUT -p tcp --dport 23 -j DROP\n", false);
        iptables("-A INPUT -j ACCEPT\n-A INPUT -j DROP\n", false);
        iptables("-A INPUT -j own\n-A own -j RETURN\n-A own -j DROP\n", false);
        iptables("-A INPUT -s 192.0.2.1/32 -g own\n-A own -j DROP\n", false);
    }

    #[test]
    fn a_ring_of_jumps_ends() {
        iptables(&format!("-A INPUT -j own\n{}", "-A own -j own\n".repeat(500)), false);
    }
}
