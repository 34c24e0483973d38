//! The rights that checks of databases ask for: what an inspecting account needs, and no more.

/// Sessions, statements and settings of everybody, and nobody's rows.
pub(super) const PG_MONITOR: &[&str] = &["GRANT pg_monitor TO {user}"];

/// Threads and transactions of everybody.
pub(super) const MYSQL_PROCESS: &[&str] = &["GRANT PROCESS ON *.* TO {user}"];

/// Names and sizes of all tables without a single row of them: alone, REFERENCES allows nothing else.
pub(super) const MYSQL_REFERENCES: &[&str] = &["GRANT REFERENCES ON *.* TO {user}"];

/// Proves to PostgreSQL 10 and later that statistics of other accounts are not hidden.
pub(super) const PG_MAY_SEE: &str = "pg_has_role(current_user, 'pg_read_all_stats', 'usage')::text as may_see";

/// Proves to MySQL and MariaDB that no table is hidden: without a right on every table,
/// `information_schema` leaves tables out and says nothing.
pub(super) const MYSQL_MAY_SEE: &str = "select cast(count(*) > 0 as char) as may_see from information_schema.user_privileges \
     where grantee = concat('''', left(current_user(), char_length(current_user()) - char_length(substring_index(current_user(), '@', -1)) - 1), \
     '''@''', substring_index(current_user(), '@', -1), '''') and privilege_type in ('REFERENCES', 'SELECT')";
