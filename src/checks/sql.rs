//! A query of the user's own.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bind_value::BindValue;
use super::records::Records;
use crate::check::{Check, Class, Field, Meta, ParamFault, Parsed, RowsAre, Seen, Unreadable};
use crate::columns::{Columns, typed, zone_of};
use crate::model::probe::{Ask, Dialect, SqlAsk, SqlVariant};
use crate::model::{Kind, Message, Probe, Row, Target, Text};
use crate::read_only::read_only;

/// A query of the user's own.
pub struct Sql;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// One statement that only reads; values stand in it as `:name`.
    query: String,
    /// The values, sent apart from the statement.
    #[serde(default)]
    bind: BTreeMap<String, BindValue>,
    /// The columns that rules may use, with their types; what else the query returns is left out.
    columns: Columns,
    /// The columns that name a row, and do so tomorrow too; without any the query returns one row at most.
    #[serde(default)]
    key: Vec<String>,
    /// Whether the rows are things that should be there, or problems.
    #[serde(default)]
    rows_are: Meaning,
}

/// What the rows of a query stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Meaning {
    /// Things that should be there: none is an error.
    #[default]
    Things,
    /// Problems: none is ok.
    Problems,
}

impl Check for Sql {
    const META: Meta = Meta {
        id: "sql",
        version: 1,
        kinds: &[Kind::Postgres, Kind::Mysql, Kind::Sqlite],
        class: Class::Application,
        title: Text::new("Own query", "自定义查询"),
        asks: Text::new(
            "One query that you write; the columns you declare become the fields that `warn` and `crit` judge.",
            "由您编写的一条查询；声明的列即为 `warn` 和 `crit` 可以判断的字段。",
        ),
        why: Text::new(
            "Whether the nightly batch ran, or orders are stuck, only a question to the application's own tables can tell.",
            "夜间批处理是否完成、订单是否积压，只有查询业务表才能知道。",
        ),
        advice: Text::new("Say under `advice:` what to do when your rule is met.", "请在 `advice:` 中写明规则触发后的处理办法。"),
        source: Text::new("the playbook", "由剧本给出"),
        fields: &[],
        key: &[],
        rows_are: RowsAre::Things,
        warn: None,
        crit: None,
        example: r#"{ "query": "select max(finished_at) as newest, count(*) as runs from batch_runs where plant = :p", "bind": { "p": "S1" }, "columns": { "newest": "timestamp", "runs": "number" } }"#,
    };

    type Params = Params;

    fn probes(params: &Params, target: &Target) -> Vec<Probe> {
        // What `validate` let through has a statement; the text as written is as good where it was not asked.
        let statement = read_only(&params.query).map_or(params.query.as_str(), |read| read.statement);
        let dialects: &[Dialect] = match target.kind {
            Kind::Postgres => &[Dialect::Postgres],
            Kind::Mysql => &[Dialect::Mysql, Dialect::Mariadb],
            _ => &[Dialect::Sqlite],
        };
        let variants = dialects.iter().map(|&dialect| SqlVariant::new(dialect, statement.to_owned())).collect();
        let binds = params.bind.iter().map(|(name, value)| (name.clone(), value.to_bind())).collect();
        vec![Probe { name: "query".into(), ask: Ask::Sql(SqlAsk { variants, binds, each_database: false }), limit: None }]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let zone = zone_of(seen.target.timezone.as_deref()).map_err(|detail| Unreadable(Message::OurSide { detail }))?;
        let answer = Records::of(seen, "query", &[])?;
        let mut rows = Vec::new();
        for record in answer.iter() {
            let mut row = Row::new();
            for (name, kind) in params.columns.iter() {
                let value = typed(name, kind, record.maybe_text(name)?, zone).map_err(|fault| Unreadable::new("query", fault))?;
                row.push(name.to_owned(), value);
            }
            rows.push(row);
        }
        if params.key.is_empty() && rows.len() > 1 {
            return Err(Unreadable::new("query", format!("{} rows and no `key:` to tell them apart", rows.len())));
        }
        Ok(Parsed::Rows(rows))
    }

    fn fields(params: &Params) -> Cow<'static, [Field]> {
        Cow::Owned(params.columns.fields())
    }

    fn key(params: &Params) -> Vec<String> {
        params.key.clone()
    }

    fn rows_are(params: &Params) -> RowsAre {
        match params.rows_are {
            Meaning::Things => RowsAre::Things,
            Meaning::Problems => RowsAre::Problems,
        }
    }

    fn validate(params: &Params) -> Result<(), ParamFault> {
        let fault = |key: &str, message: String| Err(ParamFault { key: key.to_owned(), message });
        let read = match read_only(&params.query) {
            Ok(read) => read,
            Err(refused) => return fault("query", refused.to_string()),
        };
        if let Some(name) = read.binds.iter().find(|name| !params.bind.contains_key(**name)) {
            return fault("bind", format!("the query asks for `:{name}`, which is not given"));
        }
        if let Some(name) = params.bind.keys().find(|name| !read.binds.contains(&name.as_str())) {
            return fault("bind", format!("the query does not use `:{name}`"));
        }
        if params.columns.is_empty() {
            return fault("columns", "declare the columns and their types, such as { newest: timestamp }".to_owned());
        }
        if let Some(name) = params.key.iter().find(|name| params.columns.get(name).is_none()) {
            return fault("key", format!("`{name}` is not declared under `columns`"));
        }
        params.columns.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Entry;
    use crate::checks::testing::{number, parse, rows, target};
    use crate::model::Value;
    use crate::model::probe::Bind;

    #[track_caller]
    fn fault(params: &str) -> ParamFault {
        Entry::of::<Sql>().bind(serde_json::from_str(params).unwrap()).err().unwrap_or_else(|| panic!("{params} is accepted"))
    }

    #[test]
    fn columns_become_values_of_their_types() {
        for name in ["postgres-15", "mariadb-10.11", "sqlite"] {
            let rows = rows::<Sql>(Sql::META.example, name);
            assert!(matches!(rows[0].get("newest"), Some(Value::Timestamp(_))), "{name}");
            assert!(number(&rows[0], "runs") > 0.0, "{name}");
        }
    }

    #[test]
    fn nothing_found_by_max_is_null_and_not_a_moment() {
        let rows = rows::<Sql>(Sql::META.example, "sqlite-nothing-yet");
        assert_eq!(rows[0].get("newest"), Some(&Value::Null));
    }

    #[test]
    fn a_refusal_or_a_missing_table_is_an_error() {
        for name in ["postgres-15-without-right", "postgres-15-no-table"] {
            assert!(parse::<Sql>(Sql::META.example, name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_column_that_the_query_does_not_return_is_an_error() {
        let params = r#"{ "query": "select 1", "columns": { "oldest": "timestamp" } }"#;
        assert!(parse::<Sql>(params, "sqlite").is_err());
    }

    #[test]
    fn text_that_is_not_of_its_type_is_an_error() {
        let params = r#"{ "query": "select 1", "columns": { "newest": "number" } }"#;
        assert!(parse::<Sql>(params, "sqlite").is_err());
    }

    #[test]
    fn the_playbook_is_checked_before_anything_is_sent() {
        let with = |query: &str| format!(r#"{{ "query": "{query}", "columns": {{ "n": "number" }} }}"#);
        assert_eq!(fault(&with("delete from t")).key, "query");
        assert_eq!(fault(&with("select 1 as n; select 2")).key, "query");
        assert_eq!(fault(&with("select count(*) as n from t where p = :p")).key, "bind");
        assert_eq!(fault(r#"{ "query": "select 1 as n", "bind": { "p": 1 }, "columns": { "n": "number" } }"#).key, "bind");
        assert_eq!(fault(r#"{ "query": "select 1 as n", "columns": {} }"#).key, "columns");
        assert_eq!(fault(r#"{ "query": "select 1 as n", "columns": { "rows": "number" } }"#).key, "columns");
        assert_eq!(fault(r#"{ "query": "select 1 as n", "columns": { "n": "number" }, "key": ["m"] }"#).key, "key");
    }

    #[test]
    fn values_travel_apart_from_the_statement() {
        let bound = Entry::of::<Sql>().bind(serde_json::from_str(Sql::META.example).unwrap()).unwrap();
        let probes = bound.probes(&target(Kind::Mysql));
        let Ask::Sql(sql) = &probes[0].ask else { panic!("not SQL") };
        assert_eq!(sql.binds, [("p".to_owned(), Bind::Text("S1".to_owned()))]);
        assert_eq!(sql.variants.iter().map(|variant| variant.dialect).collect::<Vec<_>>(), [Dialect::Mysql, Dialect::Mariadb]);
    }

    #[test]
    fn what_rows_mean_and_what_names_them_is_for_the_playbook_to_say() {
        let params = r#"{ "query": "select 1 as n", "columns": { "n": "number" }, "key": ["n"], "rows_are": "problems" }"#;
        let bound = Entry::of::<Sql>().bind(serde_json::from_str(params).unwrap()).unwrap();
        assert_eq!((bound.rows_are(), bound.key()), (RowsAre::Problems, vec!["n".to_owned()]));
    }
}
