//! What a name resolves to, against what it should.

use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::web;
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{NetAsk, answer};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// What a name resolves to, against what it should.
pub struct Dns;

/// Types of record that can be asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Record {
    /// IPv4 address.
    #[default]
    A,
    /// IPv6 address.
    Aaaa,
    /// Alias.
    Cname,
    /// Mail server.
    Mx,
    /// Name server.
    Ns,
    /// Text.
    Txt,
    /// Name of an address.
    Ptr,
    /// Service.
    Srv,
    /// Start of authority.
    Soa,
}

impl Record {
    const fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Cname => "CNAME",
            Self::Mx => "MX",
            Self::Ns => "NS",
            Self::Txt => "TXT",
            Self::Ptr => "PTR",
            Self::Srv => "SRV",
            Self::Soa => "SOA",
        }
    }
}

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The name asked for (an address for PTR); the target's own unless given.
    #[serde(default)]
    name: Option<String>,
    /// Type of record.
    #[serde(default)]
    record: Record,
    /// The values that must be found, all of them and no others; any value will do where none is given.
    #[serde(default)]
    expect: Vec<String>,
    /// Name server to ask, as an address with an optional port; those of this machine unless given.
    #[serde(default)]
    server: Option<String>,
}

impl Params {
    fn name(&self, target: &Target) -> String {
        self.name.clone().unwrap_or_else(|| web::host_of(target))
    }
}

impl Check for Dns {
    const META: Meta = Meta {
        id: "dns",
        version: 1,
        kinds: &[Kind::Host, Kind::Http, Kind::Postgres, Kind::Mysql],
        class: Class::Network,
        title: Text::new("DNS record", "域名解析"),
        asks: Text::new(
            "Whether a name server answers for a name, and whether it gives exactly the expected values.",
            "名称服务器能否解析该域名，结果是否与预期值完全一致。",
        ),
        why: Text::new(
            "A name that leads nowhere takes every system behind it out of reach; one that leads elsewhere hands its users to somebody else.",
            "域名无法解析会使其后的系统全部不可达；解析到别处则会把用户交给他人。",
        ),
        advice: Text::new(
            "`no-such-name`, `no-records`: put the record back in the zone. `timed-out`, `refused`, `server-failure`: look at the name server. Other values than expected: find out who changed the zone.",
            "no-such-name、no-records：补回解析记录；timed-out、refused、server-failure：检查名称服务器；值与预期不符：查明谁修改了解析。",
        ),
        source: Text::new(
            "an answer is there or not; 1 s is a retransmission of common resolvers",
            "有无解析结果即为判据；1 秒以上多为重传",
        ),
        fields: &[
            Field::new("question", FieldType::Text, "Question", "查询"),
            Field::new("answered", FieldType::Boolean, "Answered", "有结果"),
            Field::new("found", FieldType::Number, "Values found", "结果数"),
            Field::new("missing", FieldType::Number, "Expected and missing", "缺少的预期值数"),
            Field::new("unexpected", FieldType::Number, "Found and unexpected", "预期之外的值数"),
            Field::new("took", FieldType::Duration, "Took", "耗时"),
            Field::new("failure", FieldType::Text, "Failure", "失败原因"),
            Field::new("records", FieldType::List, "Values", "解析值"),
            Field::new("detail", FieldType::Text, "Detail", "详情"),
        ],
        key: &["question"],
        rows_are: RowsAre::Things,
        warn: Some("unexpected > 0 or took > 1s"),
        crit: Some("not answered or missing > 0"),
        example: r#"{ "name": "erp.example", "expect": ["192.0.2.10"] }"#,
    };

    type Params = Params;

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let Some(server) = &params.server else { return Ok(()) };
        if server.parse::<IpAddr>().is_ok() || server.parse::<std::net::SocketAddr>().is_ok() {
            return Ok(());
        }
        Err(ParamFault { key: "server".to_owned(), message: format!("`{server}` is no address: write 10.0.0.53 or 10.0.0.53:5353") })
    }

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        let ask = NetAsk::Dns { name: params.name(target), record: params.record.word().to_owned(), server: params.server.clone() };
        vec![Probe::net("dns", ask)]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let answer: answer::Dns = seen.answer("dns")?;
        if answer.records.is_empty() != answer.failure.is_some() {
            return Err(Unreadable::new("dns", "the answer is neither records nor a failure"));
        }
        let found: Vec<String> = answer.records.iter().map(|value| comparable(value, params.record)).collect();
        let expected: Vec<String> = params.expect.iter().map(|value| comparable(value, params.record)).collect();
        let missing = expected.iter().filter(|value| !found.contains(value)).count();
        let unexpected = if expected.is_empty() { 0 } else { found.iter().filter(|value| !expected.contains(value)).count() };
        let at = params.server.as_ref().map_or_else(String::new, |server| format!(" @{server}"));
        let row = Row::new()
            .text("question", format!("{} {}{at}", params.name(seen.target), params.record.word()))
            .boolean("answered", answer.failure.is_none())
            .number("found", count(found.len()))
            .number("missing", count(missing))
            .number("unexpected", count(unexpected))
            .duration("took", answer.took_ms / 1000.0)
            .text("failure", answer.failure.unwrap_or_default())
            .list("records", answer.records)
            .text("detail", answer.detail.unwrap_or_default());
        Ok(Parsed::Rows(vec![row]))
    }
}

/// Two spellings of one value become the same: `2001:db8::0:1` and `2001:db8::1`, `Erp.Example.` and `erp.example`.
fn comparable(value: &str, record: Record) -> String {
    if let Ok(address) = value.trim().parse::<IpAddr>() {
        return address.to_string();
    }
    match record {
        Record::Txt => value.trim_matches('"').to_owned(),
        _ => value.trim().trim_end_matches('.').to_ascii_lowercase(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "answers hold far fewer than 2^52 records")]
const fn count(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, rows, text};
    use crate::model::Value;

    #[test]
    fn the_expected_values_and_no_others_are_fine() {
        let rows = rows::<Dns>(r#"{ "name": "erp.example", "expect": ["192.0.2.10", "192.0.2.11"] }"#, "two-addresses");
        assert_eq!(text(&rows[0], "question"), "erp.example A");
        assert!(number(&rows[0], "missing").abs() < 1e-9 && number(&rows[0], "unexpected").abs() < 1e-9);
    }

    #[test]
    fn other_values_are_counted() {
        let rows = rows::<Dns>(r#"{ "name": "erp.example", "expect": ["192.0.2.10", "192.0.2.99"] }"#, "two-addresses");
        assert!((number(&rows[0], "missing") - 1.0).abs() < 1e-9);
        assert!((number(&rows[0], "unexpected") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_name_that_is_not_there_is_a_row() {
        let rows = rows::<Dns>(r#"{ "name": "erp.example", "expect": ["192.0.2.10"] }"#, "no-such-name");
        assert_eq!(rows[0].get("answered"), Some(&Value::Boolean(false)));
        assert_eq!(text(&rows[0], "failure"), "no-such-name");
    }

    #[test]
    fn two_spellings_are_one_value() {
        assert_eq!(comparable("2001:db8:0::1", Record::Aaaa), comparable("2001:DB8::1", Record::Aaaa));
        assert_eq!(comparable("10 Mail.Example.", Record::Mx), comparable("10 mail.example", Record::Mx));
    }
}
