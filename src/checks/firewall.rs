//! Whether a firewall filters what comes in.

use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::{FieldType, Kind, Message, Probe, Row, Target, Text};

use super::no_params::NoParams;
use super::parts;
use super::rulesets::{self, Chain};

/// Whether a firewall filters what comes in.
pub struct Firewall;

/// The kernel is asked, not the services: firewalld and ufw leave their rules there, and a service that runs without rules filters nothing.
///
/// Where `nft` is, it shows the rules of nftables and of the iptables that builds upon it. The older iptables has tables of its own; asking would create
/// them, so it is asked only where the kernel has them already, or where there is no `nft` to ask.
const SCRIPT: &str = r#"if ! has nft && ! has iptables; then echo 'nft: command not found; iptables: command not found' >&2; exit 127; fi
echo '[ipv6]'; if [ -e /proc/net/if_inet6 ]; then grep -v ' lo$' /proc/net/if_inet6 || [ $? = 1 ] || exit; fi
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
            "Whether the kernel turns away what no rule lets in, for IPv4 and, where the host has IPv6 addresses, for IPv6: a chain for input whose policy is drop, or that \
             comes to a rule that drops or rejects all the rest. Rules against single ports or senders alone are no firewall. Whether what is let in is right is not judged.",
            "内核是否拒绝未被放行的入站流量，分别检查 IPv4 和（主机有 IPv6 地址时）IPv6：入站链默认策略为丢弃，或最终有规则丢弃、拒绝其余全部流量。仅封禁个别端口或来源不算启用。不判断放行内容是否合理。",
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
        let chains = rulesets::read(&parts)?;
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

fn row(family: &'static str, chains: &[Chain]) -> Row {
    let of_family: Vec<&Chain> = chains.iter().filter(|chain| chain.families.contains(&family)).collect();
    let inputs: Vec<&Chain> = of_family.iter().copied().filter(|chain| chain.input_policy.is_some()).collect();
    let reached = rulesets::reached(&inputs, &of_family);
    // What comes in passes every chain for input: one that turns the rest away is enough.
    let active = inputs.iter().any(|chain| rulesets::turns_the_rest_away(chain, &of_family));
    let policies: Vec<&str> = inputs.iter().filter_map(|chain| chain.input_policy.as_deref()).collect();
    #[expect(clippy::cast_precision_loss, reason = "rules are counted in thousands")]
    let rules = reached.iter().map(|chain| chain.rules).sum::<usize>() as f64;
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
