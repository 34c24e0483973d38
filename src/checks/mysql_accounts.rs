//! Accounts of a MySQL or MariaDB server that are open to anybody: without or with a weak password, or from any host.

use super::no_params::NoParams;
use super::records::{Record, Records};
use super::weak_passwords::{compared, native_hashes};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text};

/// Accounts of a MySQL or MariaDB server that are open to anybody.
pub struct MysqlAccounts;

const MYSQL: &[&str] = &["GRANT SELECT (User, Host, plugin, authentication_string, account_locked) ON mysql.user TO {user}"];
const MARIADB: &[&str] = &["GRANT SELECT ON mysql.global_priv TO {user}"];
const MARIADB_10_3: &[&str] = &["GRANT SELECT ON mysql.user TO {user}"];

/// What a password can be found to be.
const PASSWORD_WORDS: [&str; 5] = ["none", "weak", "not weak", "not compared", "not used"];

/// What a salted password is where the server refused weak ones when it was set.
const BY_POLICY: &str = "by policy";

/// The same rights for whoever reads of the refusal.
const REMEDY: &[&str] = &["GRANT SELECT (User, Host, plugin, authentication_string, account_locked) ON mysql.user TO {user}, \
     on MariaDB GRANT SELECT ON mysql.global_priv TO {user}"];

impl Check for MysqlAccounts {
    const META: Meta = Meta {
        id: "mysql-accounts",
        version: 1,
        kinds: &[Kind::Mysql],
        class: Class::Security,
        title: Text::new("Database accounts", "数据库账号"),
        asks: Text::new(
            "Which accounts have no password or a common one, and which may log in from any host. The server itself compares, so that no password hash leaves it; salted hashes (caching_sha2_password, ed25519) cannot be compared, which is a warning unless a password policy vouches for them.",
            "哪些账号没有密码或使用弱口令，哪些允许从任意主机登录。比对在数据库内完成，密码散列不会外传；加盐散列（caching_sha2_password、ed25519）无法比对，若未启用密码策略则告警。",
        ),
        why: Text::new(
            "An account without a real password is open to everybody on the network, data and all.",
            "空口令或弱口令账号等于向全网开放数据。",
        ),
        advice: Text::new(
            "Set a long random password with ALTER USER, drop anonymous and unused accounts, limit accounts to the hosts that need them, and install validate_password or cracklib_password_check.",
            "用 ALTER USER 设置长随机密码，删除匿名和废弃账号，将账号限制到需要的主机，并启用 validate_password 或 cracklib_password_check。",
        ),
        source: Text::new(
            "operations standards: no weak database passwords; CIS benchmarks: no wildcard hosts, no anonymous accounts",
            "运维规范：数据库不得有弱口令；CIS 基线：不使用通配主机，不保留匿名账号",
        ),
        fields: &[
            Field::new("account", FieldType::Text, "Account", "账号"),
            Field::new("password", FieldType::Text, "Password", "密码"),
            Field::new("any_host", FieldType::Boolean, "From any host", "任意主机可登录"),
            Field::new("plugin", FieldType::Text, "Authentication", "认证方式"),
        ],
        key: &["account"],
        rows_are: RowsAre::Problems,
        warn: Some(r#"any_host == true or password == "not compared""#),
        crit: Some(r#"password in ["none", "weak"]"#),
        example: "{}",
    };

    type Params = NoParams;

    fn probes(_: &NoParams, _: &Target) -> Vec<Probe> {
        let variants = vec![
            SqlVariant::new(Dialect::Mysql, mysql()).since(507).grants(MYSQL),
            SqlVariant::new(Dialect::Mariadb, mariadb()).since(1004).grants(MARIADB),
            SqlVariant::new(Dialect::Mariadb, mariadb_10_3()).grants(MARIADB_10_3),
        ];
        let policy = "show global variables where variable_name in ('validate_password.policy', 'validate_password_policy', \
             'simple_password_check_minimal_length', 'cracklib_password_check_dictionary')";
        let policy = [Dialect::Mysql, Dialect::Mariadb].map(|dialect| SqlVariant::new(dialect, policy)).to_vec();
        vec![Probe::sql("accounts", variants), Probe::sql("policy", policy)]
    }

    fn parse(_: &NoParams, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let accounts = Records::of(seen, "accounts", REMEDY)?;
        let vouched = refuses_weak_passwords(&Records::of(seen, "policy", &[])?)?;
        let rows = accounts.iter().map(|record| row(record, vouched)).collect::<Result<Vec<_>, _>>()?;
        if rows.is_empty() {
            // Our own account is one.
            return Err(Unreadable::new("accounts", "the server lists no account at all"));
        }
        Ok(Parsed::Rows(rows))
    }
}

/// Whether the server refuses weak passwords when they are set. MySQL's policy LOW only counts characters.
fn refuses_weak_passwords(policy: &Records) -> Result<bool, Unreadable> {
    for name in ["validate_password.policy", "validate_password_policy"] {
        if let Some(level) = policy.maybe_named_text(name)? {
            return Ok(!matches!(level, "LOW" | "0"));
        }
    }
    let plugins = ["simple_password_check_minimal_length", "cracklib_password_check_dictionary"];
    plugins.iter().try_fold(false, |any, name| Ok(any || policy.maybe_named_text(name)?.is_some()))
}

fn row(record: Record<'_>, vouched: bool) -> Result<Row, Unreadable> {
    let (user, host, password) = (record.text("user")?, record.text("host")?, record.text("password")?);
    if !PASSWORD_WORDS.contains(&password) {
        return Err(record.fault("password", password));
    }
    Ok(Row::new()
        .text("account", format!("'{user}'@'{host}'"))
        .text("password", if vouched && password == "not compared" { BY_POLICY } else { password })
        .boolean("any_host", matches!(host, "" | "%"))
        .text("plugin", record.text("plugin")?))
}

/// Locked accounts let nobody in, and roles of MySQL 8 are locked accounts.
fn mysql() -> String {
    let password = compared("plugin", "authentication_string", "user");
    format!(
        "select user as `user`, host as `host`, plugin as `plugin`, {password} as `password` \
         from mysql.user where account_locked <> 'Y' order by user, host"
    )
}

/// Since 10.4 an account is a document, which may name several ways to log in: the worst of them counts.
fn mariadb() -> String {
    let first = "coalesce(nullif(json_value(priv, '$.plugin'), ''), 'mysql_native_password')";
    let password = compared(first, "coalesce(json_value(priv, '$.authentication_string'), '')", "user");
    let hashes = native_hashes("user");
    let any_weak: Vec<String> = hashes.iter().map(|hash| format!("json_search(priv, 'one', {hash}) is not null")).collect();
    format!(
        "select user as `user`, host as `host`, \
         concat({first}, coalesce(concat(' or ', json_extract(priv, '$.auth_or[*].plugin')), '')) as `plugin`, \
         case when {} then 'weak' \
         when json_contains(json_extract(priv, '$.auth_or'), '{{\"plugin\": \"mysql_native_password\", \"authentication_string\": \"\"}}') then 'none' \
         else {password} end as `password` \
         from mysql.global_priv where coalesce(json_value(priv, '$.is_role'), 0) = 0 \
         and coalesce(json_value(priv, '$.account_locked'), 0) = 0 order by user, host",
        any_weak.join(" or "),
    )
}

/// Before 10.4 the hash stands in either of two columns, and there are no locked accounts.
fn mariadb_10_3() -> String {
    let plugin = "coalesce(nullif(plugin, ''), 'mysql_native_password')";
    let password = compared(plugin, "coalesce(nullif(authentication_string, ''), password)", "user");
    format!(
        "select user as `user`, host as `host`, {plugin} as `plugin`, {password} as `password` \
         from mysql.user where is_role <> 'Y' order by user, host"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::testing::{parse, row, rows, text};

    #[test]
    fn the_server_tells_no_password_from_a_weak_one() {
        let rows = rows::<MysqlAccounts>("{}", "mariadb-10.11");
        let password = |account| text(row(&rows, "account", account), "password");
        assert_eq!(password("''@'localhost'"), "none");
        assert_eq!(password("'app'@'%'"), "weak");
        assert_eq!(password("'batch'@'10.%'"), "weak");
        assert_eq!(password("'mix'@'localhost'"), "weak");
        assert_eq!(password("'strong'@'localhost'"), "not weak");
        assert_eq!(password("'sock'@'localhost'"), "not used");
    }

    #[test]
    fn a_password_that_nobody_compared_is_not_called_good_unless_a_policy_vouches() {
        for (name, expected) in [("mariadb-10.11-ed25519", "not compared"), ("mariadb-10.11-ed25519-policy", "by policy")] {
            let rows = rows::<MysqlAccounts>("{}", name);
            assert_eq!(text(row(&rows, "account", "'ed'@'localhost'"), "password"), expected, "{name}");
        }
    }

    #[test]
    fn locked_accounts_and_roles_let_nobody_in() {
        let rows = rows::<MysqlAccounts>("{}", "mariadb-10.11");
        assert!(rows.iter().all(|row| !["'old'@'%'", "'reporting'@''", "'PUBLIC'@''"].contains(&text(row, "account"))));
    }

    #[test]
    fn who_may_not_read_the_accounts_learns_nothing() {
        assert!(parse::<MysqlAccounts>("{}", "mariadb-10.11-without-right").is_err());
    }

    #[test]
    fn no_hash_leaves_the_server() {
        let target = crate::checks::testing::target(Kind::Mysql);
        for probe in MysqlAccounts::probes(&NoParams {}, &target) {
            let crate::model::probe::Ask::Sql(sql) = probe.ask else { panic!("not SQL") };
            for variant in sql.variants.iter().filter(|variant| !variant.statement.starts_with("show ")) {
                let selected = variant.statement.rsplit_once(" from mysql.").unwrap().0;
                assert!(selected.ends_with("as `password`") && selected.contains("case when"), "{selected}");
            }
        }
    }
}
