//! Whether a firewall filters what comes in.

use std::collections::{BTreeMap, BTreeSet};

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Message, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::parts::{self, Parts};

/// Whether a firewall filters what comes in.
pub struct Firewall;

/// The kernel is asked, not the services: firewalld and ufw leave their rules there, and a service that runs without rules filters nothing.
///
/// Where `nft` is, it shows the rules of nftables and of the iptables that builds upon it. The older iptables has tables of its own; asking would create
/// them, so it is asked only where the kernel has them already, or where there is no `nft` to ask.
const SCRIPT: &str = r#"if ! has nft && ! has iptables; then echo 'nft: command not found; iptables: command not found' >&2; exit 127; fi
echo '[ipv6]'; if [ -e /proc/net/if_inet6 ]; then grep -v ' lo$' /proc/net/if_inet6; fi
if has nft; then echo '[nft]'; priv nft list ruleset || exit; fi
builds_upon_nft=no
case $(iptables -V 2>/dev/null) in *nf_tables*) builds_upon_nft=yes ;; esac
ask() { has "$1" && { ! has nft || { [ "$builds_upon_nft" = "$2" ] && [ -e "/proc/net/$3_tables_names" ]; }; }; }
if ask iptables no ip; then echo '[iptables]'; priv iptables -S || exit; fi
if ask iptables-legacy yes ip; then echo '[iptables-legacy]'; priv iptables-legacy -S || exit; fi
if [ -e /proc/net/if_inet6 ]; then
  if ask ip6tables no ip6; then echo '[ip6tables]'; priv ip6tables -S || exit; fi
  if ask ip6tables-legacy yes ip6; then echo '[ip6tables-legacy]'; priv ip6tables-legacy -S || exit; fi
fi
echo '[end]'"#;

/// What root runs of these.
const COMMANDS: [&str; 5] = [
    "/usr/sbin/nft list ruleset",
    "/usr/sbin/iptables -S",
    "/usr/sbin/iptables-legacy -S",
    "/usr/sbin/ip6tables -S",
    "/usr/sbin/ip6tables-legacy -S",
];

impl Check for Firewall {
    const META: Meta = Meta {
        id: "firewall",
        version: 1,
        kinds: &[Kind::Host],
        class: Class::Security,
        title: Text::new("Firewall", "主机防火墙"),
        asks: Text::new(
            "Whether the kernel filters what comes in, for IPv4 and, where the host has IPv6 addresses, for IPv6: a chain for input that drops or rejects something, \
             by its policy or by a rule. It does not judge whether the rules are right.",
            "内核是否对入站流量进行过滤，分别检查 IPv4 和（主机有 IPv6 地址时）IPv6：入站链的默认策略或某条规则会丢弃或拒绝报文即为生效。不判断规则本身是否合理。",
        ),
        why: Text::new(
            "Without a firewall every service that somebody starts can be reached by everybody at once; with one for IPv4 alone, by way of IPv6.",
            "没有防火墙，任何人启动的任何服务都会立即暴露；只配置 IPv4 的，仍可经 IPv6 访问。",
        ),
        advice: Text::new(
            "Start what the distribution uses (`systemctl enable --now firewalld`, `ufw enable`, `systemctl enable --now nftables`), after allowing your own SSH access. \
             Where security groups of a cloud do this work, say so with `skip`.",
            "先放行自己的 SSH 访问，再启用发行版自带的防火墙（`systemctl enable --now firewalld`、`ufw enable` 或 `systemctl enable --now nftables`）。若由云安全组承担，请用 `skip` 注明。",
        ),
        source: Text::new("baselines such as GB/T 22239 and CIS ask for one", "等保 GB/T 22239、CIS 等基线要求启用"),
        fields: &[
            Field::new("family", FieldType::Text, "Protocol", "协议"),
            Field::new("active", FieldType::Boolean, "Filters", "已生效"),
            Field::new("policies", FieldType::List, "Policies for input", "入站默认策略"),
            Field::new("rules", FieldType::Number, "Rules for input", "入站规则数"),
            Field::new("by", FieldType::Text, "Made by", "管理工具"),
        ],
        key: &["family"],
        rows_are: RowsAre::Things,
        warn: Some("not active"),
        crit: None,
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        vec![Probe::shell("rules", SCRIPT).privileged(COMMANDS)]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let text = seen.text("rules")?;
        let parts = parts::split("rules", &text)?;
        let chains = read(&parts)?;
        let mut rows = vec![row("IPv4", &chains)];
        if !parts.need("ipv6")?.trim().is_empty() {
            let asked = ["nft", "ip6tables", "ip6tables-legacy"].iter().any(|tool| parts.get(tool).is_some());
            if !asked {
                return Err(Unreadable(Message::CommandNotFound { command: "ip6tables".to_owned() }));
            }
            rows.push(row("IPv6", &chains));
        }
        Ok(Parsed::Rows(rows))
    }
}

/// A chain of rules, of either tool.
struct Chain {
    /// `IPv4`, `IPv6`, or both of them.
    families: &'static [&'static str],
    /// Chains jump to others of the same table.
    table: String,
    name: String,
    /// The policy of a chain that sees what comes in; `None` for all other chains.
    input_policy: Option<String>,
    rules: usize,
    drops: bool,
    jumps: BTreeSet<String>,
}

fn read(parts: &Parts<'_>) -> Result<Vec<Chain>, Unreadable> {
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

/// `nft list ruleset`: tables, in them sets, maps and chains, in these one rule a line. A verdict map defined on its own belongs to no chain;
/// a rule that uses one is read as if it dropped nothing.
fn read_nft(ruleset: &str, chains: &mut Vec<Chain>) -> Result<(), Unreadable> {
    let mut table: Option<(String, &'static [&'static str])> = None;
    let mut depth = 0_usize;
    let mut in_chain = false;
    for line in ruleset.lines() {
        let bare = without_strings(line);
        let words: Vec<&str> = bare.split_whitespace().collect();
        let opens = bare.matches('{').count();
        let closes = bare.matches('}').count();
        match words[..] {
            [] => {}
            ["#", ..] => continue,
            ["table", family, name, ..] if depth == 0 => table = Some((format!("{family} {name}"), families(family))),
            ["chain", name, ..] if depth == 1 => {
                let (table, families) = table.clone().ok_or_else(|| Unreadable::new("nft list ruleset", line))?;
                let name = name.to_owned();
                chains.push(Chain { families, table, name, input_policy: None, rules: 0, drops: false, jumps: BTreeSet::new() });
                in_chain = true;
            }
            _ if depth == 0 => return Err(Unreadable::new("nft list ruleset", line)),
            ["}"] => {}
            _ if in_chain => read_nft_rule(&words, chains.last_mut().ok_or_else(|| Unreadable::new("nft list ruleset", line))?),
            _ => {}
        }
        depth = (depth + opens).checked_sub(closes).ok_or_else(|| Unreadable::new("nft list ruleset", line))?;
        in_chain = in_chain && depth > 1;
    }
    if depth == 0 { Ok(()) } else { Err(Unreadable::new("nft list ruleset", "it breaks off")) }
}

fn read_nft_rule(words: &[&str], chain: &mut Chain) {
    if words.first() == Some(&"type") {
        let after = |name: &str| {
            words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).map(|word| word.trim_end_matches(';'))
        };
        if after("hook") == Some("input") && !chain.families.is_empty() {
            chain.input_policy = Some(after("policy").unwrap_or("accept").to_owned());
        }
        return;
    }
    if matches!(words.first(), Some(&"comment" | &"}" | &"elements")) {
        return;
    }
    chain.rules += 1;
    let trimmed: Vec<&str> = words.iter().map(|word| word.trim_end_matches([',', ';'])).collect();
    chain.drops |= trimmed.iter().any(|word| matches!(*word, "drop" | "reject"));
    for pair in trimmed.windows(2) {
        if matches!(pair[0], "jump" | "goto") {
            chain.jumps.insert(pair[1].to_owned());
        }
    }
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
            let input_policy = (*name == "INPUT").then(|| rest.first().map_or_else(String::new, |policy| policy.to_ascii_lowercase()));
            let (table, name) = (tool.to_owned(), (*name).to_owned());
            let chain = Chain { families, table, name: name.clone(), input_policy, rules: 0, drops: false, jumps: BTreeSet::new() };
            by_name.insert(name, chain);
            continue;
        }
        let chain = by_name.get_mut(*name).filter(|_| *command == "-A").ok_or_else(|| Unreadable::new(tool, line))?;
        chain.rules += 1;
        match rest.windows(2).find(|pair| matches!(pair[0], "-j" | "-g")).map(|pair| pair[1]) {
            Some("DROP" | "REJECT") => chain.drops = true,
            Some(target) => _ = chain.jumps.insert(target.to_owned()),
            None => {}
        }
    }
    if !by_name.contains_key("INPUT") {
        return Err(Unreadable::new(tool, "the chain INPUT is missing"));
    }
    chains.extend(by_name.into_values());
    Ok(())
}

fn row(family: &'static str, chains: &[Chain]) -> Row {
    let of_family: Vec<&Chain> = chains.iter().filter(|chain| chain.families.contains(&family)).collect();
    // From the chains that see what comes in, through all that they jump to.
    let mut reached: Vec<&Chain> = of_family.iter().copied().filter(|chain| chain.input_policy.is_some()).collect();
    let mut at = 0;
    while let Some(from) = reached.get(at).copied() {
        for chain in &of_family {
            let jumped_to = chain.table == from.table && from.jumps.contains(&chain.name);
            if jumped_to && !reached.iter().any(|known| std::ptr::eq(*known, *chain)) {
                reached.push(chain);
            }
        }
        at += 1;
    }
    let policies: Vec<&str> = reached.iter().filter_map(|chain| chain.input_policy.as_deref()).collect();
    #[expect(clippy::cast_precision_loss, reason = "rules are counted in thousands")]
    let rules = reached.iter().map(|chain| chain.rules).sum::<usize>() as f64;
    let active = policies.contains(&"drop") || reached.iter().any(|chain| chain.drops);
    Row::new()
        .text("family", family)
        .boolean("active", active)
        .list("policies", policies)
        .number("rules", rules)
        .text("by", made_by(&reached))
}

/// Who made the rules, as the names of tables and chains tell.
fn made_by(reached: &[&Chain]) -> &'static str {
    // A chain that is empty and lets everything in is nobody's work.
    let made: Vec<&Chain> =
        reached.iter().copied().filter(|chain| chain.rules > 0 || chain.input_policy.as_deref() == Some("drop")).collect();
    let named = |test: fn(&Chain) -> bool| made.iter().any(|chain| test(chain));
    if made.is_empty() {
        "nobody"
    } else if named(|chain| chain.table.ends_with(" firewalld") || chain.name == "INPUT_ZONES") {
        "firewalld"
    } else if named(|chain| chain.name.starts_with("ufw")) {
        "ufw"
    } else if named(|chain| !chain.table.contains(' ') || chain.name == "INPUT") {
        "iptables"
    } else {
        "nftables"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, row, rows, text};
    use crate::model::Value;

    fn active(name: &str) -> Vec<(String, bool, String)> {
        let told = |row: &Row| {
            let yes = row.get("active") == Some(&Value::Boolean(true));
            (text(row, "family").to_owned(), yes, text(row, "by").to_owned())
        };
        rows::<Firewall>("{}", name).iter().map(told).collect()
    }

    #[track_caller]
    fn case(name: &str, expected: &[(&str, bool, &str)]) {
        let expected: Vec<_> = expected.iter().map(|(family, active, by)| ((*family).to_owned(), *active, (*by).to_owned())).collect();
        assert_eq!(active(name), expected, "{name}");
    }

    #[test]
    fn the_rules_in_the_kernel_decide() {
        case("debian-12-nftables", &[("IPv4", true, "nftables"), ("IPv6", true, "nftables")]);
        case("debian-12-nftables-ipv4-only", &[("IPv4", true, "nftables"), ("IPv6", false, "nobody")]);
        case("debian-12-ufw", &[("IPv4", true, "ufw"), ("IPv6", true, "ufw")]);
        case("debian-12-firewalld", &[("IPv4", true, "firewalld"), ("IPv6", true, "firewalld")]);
        case("debian-12-iptables-legacy", &[("IPv4", true, "iptables"), ("IPv6", false, "nobody")]);
    }

    #[test]
    fn rules_that_let_everything_in_are_no_firewall() {
        case("debian-12-nftables-empty", &[("IPv4", false, "nobody"), ("IPv6", false, "nobody")]);
        case("debian-12-nat-only", &[("IPv4", false, "nftables"), ("IPv6", false, "nftables")]);
    }

    #[test]
    fn an_account_without_the_right_to_look_is_told_so() {
        let parsed = parse::<Firewall>("{}", "debian-12-unprivileged");
        assert!(matches!(parsed, Err(Unreadable(Message::NeedsRight { .. }))), "{parsed:?}");
    }

    #[test]
    fn a_host_without_tools_is_not_judged() {
        assert!(parse::<Firewall>("{}", "no-tools").is_err());
    }

    #[test]
    fn words_in_comments_drop_nothing() {
        let rows = rows::<Firewall>("{}", "debian-12-nat-only");
        assert!(number(row(&rows, "family", "IPv4"), "rules") >= 1.0);
    }
}
