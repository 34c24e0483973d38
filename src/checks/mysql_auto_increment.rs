//! How much of their numbers the `AUTO_INCREMENT` columns of a MySQL or MariaDB server have used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::records::{Record, Records};
use super::rights::{MYSQL_MAY_SEE, MYSQL_REFERENCES};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Value};

/// How much of their numbers the `AUTO_INCREMENT` columns of a MySQL or MariaDB server have used.
pub struct MysqlAutoIncrement;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// How many tables, the fullest first.
    #[serde(default = "hundred")]
    top: usize,
}

fn hundred() -> usize {
    100
}

impl Check for MysqlAutoIncrement {
    const META: Meta = Meta {
        id: "mysql-auto-increment",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Database,
        title: Text::new("AUTO_INCREMENT use", "自增列使用率"),
        asks: Text::new(
            "Which share of the numbers of its type each AUTO_INCREMENT column has handed out, the fullest tables first.",
            "各自增列已用数值占其类型上限的比例，使用率最高的表排在最前。",
        ),
        why: Text::new(
            "When the numbers run out, every insert into the table fails, and with it the part of the business that writes there.",
            "自增值耗尽后，该表的所有插入都会失败，相关业务随之中断。",
        ),
        advice: Text::new(
            "Change the column to BIGINT UNSIGNED, and the columns that refer to it, with an online schema change while there is time.",
            "尽早用在线变更工具（如 pt-online-schema-change、gh-ost）将该列及引用它的列改为 BIGINT UNSIGNED。",
        ),
        source: Text::new(
            "80 % in common use; above 95 % there is hardly time left for the change",
            "80% 为通用阈值；超过 95% 时已几乎没有变更时间",
        ),
        fields: &[
            Field::new("table", FieldType::Text, "Table", "表"),
            Field::new("used_pct", FieldType::Percent, "Used", "使用率"),
            Field::new("next", FieldType::Number, "Next number", "下一个值"),
            Field::new("largest", FieldType::Number, "Largest number", "类型上限"),
            Field::new("column", FieldType::Text, "Column", "列"),
            Field::new("column_type", FieldType::Text, "Type", "类型"),
        ],
        key: &["table"],
        rows_are: RowsAre::Problems,
        warn: Some("used_pct > 80%"),
        crit: Some("used_pct > 95%"),
        example: "{}",
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        let columns = "select t.table_schema as `database`, t.table_name as table_name, c.column_name as column_name, \
             c.column_type as column_type, cast(t.auto_increment as char) as next_number, cast(t.table_rows as char) as table_rows \
             from information_schema.columns c join information_schema.tables t \
             on t.table_schema = c.table_schema and t.table_name = c.table_name \
             where c.extra like '%auto_increment%' and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') \
             and t.table_schema not in ('information_schema', 'performance_schema', 'sys', 'mysql')";
        let both = |statement: &'static str| {
            [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, statement).grants(MYSQL_REFERENCES)).to_vec()
        };
        vec![Probe::sql("sight", both(MYSQL_MAY_SEE)), Probe::sql("columns", both(columns))]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        Records::of(seen, "sight", MYSQL_REFERENCES)?.only()?.proves_sight("may_see", seen, MYSQL_REFERENCES)?;
        let columns = Records::of(seen, "columns", MYSQL_REFERENCES)?;
        let mut columns = columns.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        // Not a number sorts above all: what cannot be judged is never cut away.
        columns.sort_by(|(a, _), (b, _)| b.unwrap_or(f64::INFINITY).total_cmp(&a.unwrap_or(f64::INFINITY)));
        Ok(Parsed::Rows(columns.into_iter().take(params.top).map(|(_, row)| row).collect()))
    }
}

/// The share used, where it is known, and the row.
fn read(record: Record<'_>) -> Result<(Option<f64>, Row), Unreadable> {
    let column_type = record.text("column_type")?;
    let largest = largest(column_type).ok_or_else(|| record.fault("column_type", column_type))?;
    let next = match record.maybe_amount("next_number")? {
        // MySQL 8 may show null before the first number has been handed out; a table that cannot be opened has no rows to count.
        None if record.maybe_amount("table_rows")? == Some(0.0) => Some(1.0),
        next => next,
    };
    // The next number is not used yet.
    let used_pct = next.map(|next| 100.0 * (next - 1.0).max(0.0) / largest);
    let number = |value: Option<f64>| value.map_or(Value::Null, Value::Number);
    let row = Row::new()
        .text("table", format!("{}.{}", record.text("database")?, record.text("table_name")?))
        .with("used_pct", number(used_pct))
        .with("next", number(next))
        .number("largest", largest)
        .text("column", record.text("column_name")?)
        .text("column_type", column_type);
    Ok((used_pct, row))
}

/// The largest number of a column type such as `int(10) unsigned`; a column may be a floating-point one too.
fn largest(column_type: &str) -> Option<f64> {
    let word = column_type.split(['(', ' ']).next()?;
    let bits = match word {
        "tinyint" => 8,
        "smallint" => 16,
        "mediumint" => 24,
        "int" => 32,
        "bigint" => 64,
        // Beyond these a floating-point number skips whole numbers.
        "float" => return Some(16_777_216.0),
        "double" => return Some(9_007_199_254_740_992.0),
        _ => return None,
    };
    let bits = if column_type.contains("unsigned") { bits } else { bits - 1 };
    Some(2_f64.powi(bits) - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{number, parse, rows, text};

    #[test]
    fn types_end_where_the_manual_says() {
        assert_eq!(largest("tinyint(3) unsigned"), Some(255.0));
        assert_eq!(largest("smallint"), Some(32_767.0));
        assert_eq!(largest("mediumint unsigned"), Some(16_777_215.0));
        assert_eq!(largest("int(11)"), Some(2_147_483_647.0));
        assert_eq!(largest("bigint(20) unsigned zerofill"), Some(18_446_744_073_709_551_615.0));
        assert_eq!(largest("geometry"), None);
    }

    #[test]
    fn the_fullest_tables_come_first() {
        let rows = rows::<MysqlAutoIncrement>("{}", "mariadb-10.11");
        assert_eq!((text(&rows[0], "table"), number(&rows[0], "used_pct")), ("erp.tickets", 100.0));
        assert_eq!((text(&rows[2], "table"), number(&rows[2], "used_pct")), ("erp.events", 0.0));
    }

    #[test]
    fn no_such_column_is_an_answer_only_for_those_who_may_look() {
        assert_eq!(parse::<MysqlAutoIncrement>("{}", "mariadb-10.11-none"), Ok(Parsed::Rows(Vec::new())));
        assert!(parse::<MysqlAutoIncrement>("{}", "mariadb-10.11-without-right").is_err());
    }
}
