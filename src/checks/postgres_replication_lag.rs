//! How far replicas of a PostgreSQL server are behind: seen from the primary, and from a standby itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::records::{Record, Records};
use super::rights::{PG_MAY_SEE, PG_MONITOR};
use crate::check::{Check, Class, Field, Meta, Parsed, RowsAre, Seen, Unreadable};
use crate::model::probe::{Dialect, SqlVariant};
use crate::model::{FieldType, Kind, Probe, Row, Target, Text, Untrusted, Value};

/// How far replicas of a PostgreSQL server are behind.
pub struct PostgresReplicationLag;

/// What the playbook can set.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Whether there must be replication: a server without any is then an error instead of not applicable.
    #[serde(default)]
    required: bool,
}

impl Check for PostgresReplicationLag {
    const META: Meta = Meta {
        id: "postgres-replication-lag",
        version: 1,
        kinds: &[Kind::Postgres],
        class: Class::Database,
        title: Text::new("Replication lag", "复制延迟"),
        asks: Text::new(
            "How far each replica is behind in time and bytes, asked of the primary or of the standby itself; replication slots that nobody reads count as disconnected replicas.",
            "各副本落后的时间和数据量（在主库或备库上查询）；无人消费的复制槽视为已断开的副本。",
        ),
        why: Text::new(
            "What the replica has not got is lost when the primary fails, and a slot that nobody reads fills the primary's disk with WAL.",
            "主库故障时，未同步的数据会丢失；无人消费的复制槽会使主库 WAL 堆积直至磁盘写满。",
        ),
        advice: Text::new(
            "Look at the standby's log, network and disks; rebuild a replica that cannot catch up; drop slots that are no longer used with pg_drop_replication_slot('NAME').",
            "检查备库日志、网络和磁盘；无法追上时重建备库；用 pg_drop_replication_slot('名称') 删除不再使用的复制槽。",
        ),
        source: Text::new("60 s in common use; five minutes break most recovery objectives", "60 秒为通用阈值；五分钟已超出多数 RPO 目标"),
        fields: &[
            Field::new("replica", FieldType::Text, "Replica", "副本"),
            Field::new("state", FieldType::Text, "State", "状态"),
            Field::new("lag", FieldType::Duration, "Lag", "延迟"),
            Field::new("behind_bytes", FieldType::Bytes, "Behind by", "落后数据量"),
            Field::new("sync", FieldType::Text, "Mode", "同步模式"),
        ],
        key: &["replica"],
        rows_are: RowsAre::Things,
        warn: Some("lag > 60s"),
        crit: Some(r#"state == "disconnected" or lag > 5m"#),
        example: "{}",
    };

    type Params = Params;

    fn probes(_: &Params, _: &Target) -> Vec<Probe> {
        let variants = |statement: fn(u32) -> String, versions: &[u32]| {
            versions.iter().map(|&since| SqlVariant::new(Dialect::Postgres, statement(since)).since(since).grants(PG_MONITOR)).collect()
        };
        vec![
            Probe::sql("server", variants(server, &[1000])),
            Probe::sql("replicas", variants(replicas, &[1700, 1000])),
            Probe::sql("upstream", variants(upstream, &[1200, 1000])),
        ]
    }

    fn parse(params: &Params, seen: &Seen<'_>) -> Result<Parsed, Unreadable> {
        let server = Records::of(seen, "server", PG_MONITOR)?;
        let server = server.only()?;
        server.proves_sight("may_see", seen, PG_MONITOR)?;
        let replicas = Records::of(seen, "replicas", PG_MONITOR)?;
        let mut rows = replicas.iter().map(replica).collect::<Result<Vec<_>, _>>()?;
        let upstream = Records::of(seen, "upstream", PG_MONITOR)?;
        let upstream = upstream.only()?;
        if server.boolean("standby")? {
            rows.push(standby(upstream)?);
        }
        let expected =
            params.required || server.boolean("waits_for_replicas")? || seen.earlier.is_some_and(|earlier| !earlier.rows.is_empty());
        // A primary whose only replica went away looks like one that never had any: the last run knows better.
        if rows.is_empty() && !expected {
            return Ok(Parsed::NotApplicable { what: "replication" });
        }
        Ok(Parsed::Rows(rows))
    }
}

fn server(_: u32) -> String {
    format!(
        "select {PG_MAY_SEE}, pg_is_in_recovery()::text as standby, \
         (current_setting('synchronous_standby_names') <> '')::text as waits_for_replicas"
    )
}

/// Replicas that are connected, and slots that nobody reads. Copies made by backup programs are no replicas.
fn replicas(since: u32) -> String {
    // From version 17 on a standby keeps copies of its primary's slots, which nobody reads until it is promoted.
    let own = if since >= 1700 { "not synced" } else { "true" };
    let here = "case when pg_is_in_recovery() then pg_last_wal_receive_lsn() else pg_current_wal_lsn() end";
    format!(
        "select coalesce(s.slot_name::text, r.application_name || '@' || coalesce(host(r.client_addr), 'local')) as replica, \
         r.state as state, r.sync_state as sync, \
         extract(epoch from case when r.replay_lsn is null then r.flush_lag else r.replay_lag end)::text as lag, \
         pg_wal_lsn_diff({here}, coalesce(r.replay_lsn, r.flush_lsn))::text as behind_bytes \
         from pg_stat_replication r left join pg_replication_slots s on s.active_pid = r.pid \
         where r.state <> 'backup' and r.application_name not like 'pg\\_%\\_sync\\_%' \
         union all \
         select slot_name::text, 'disconnected', slot_type, null, pg_wal_lsn_diff({here}, restart_lsn)::text \
         from pg_replication_slots where not active and not temporary and {own}"
    )
}

/// What a standby knows of its upstream; on a primary every value but the first is null.
fn upstream(since: u32) -> String {
    // Before version 12 the connection stood in recovery.conf, where SQL does not see it.
    let configured = if since >= 1200 { "(current_setting('primary_conninfo') <> '')::text" } else { "null::text" };
    format!(
        "select {configured} as configured, (select status from pg_stat_wal_receiver) as status, \
         pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())::text as behind_bytes, \
         extract(epoch from clock_timestamp() - pg_last_xact_replay_timestamp())::text as since_replay"
    )
}

fn replica(record: Record<'_>) -> Result<Row, Unreadable> {
    // The next record may be sent between the reading of two positions: less than nothing is nothing.
    let behind = record.maybe_number("behind_bytes")?.map(|bytes| bytes.max(0.0));
    let lag = match record.maybe_number("lag")? {
        Some(seconds) => Some(seconds.max(0.0)),
        // The server forgets the lag of a replica that has everything and hears nothing new.
        None => behind.filter(|bytes| *bytes == 0.0),
    };
    Ok(row(record.text("replica")?, record.text("state")?, lag, behind, record.maybe_text("sync")?))
}

/// The standby itself: what is received and not yet replayed. Without a receiver "all that was received is replayed" says nothing.
fn standby(record: Record<'_>) -> Result<Row, Unreadable> {
    let behind = record.maybe_number("behind_bytes")?.map(|bytes| bytes.max(0.0));
    let since_replay = record.maybe_number("since_replay")?.map(|seconds| seconds.max(0.0));
    let status = record.maybe_text("status")?;
    let from_archive = record.maybe_text("configured")?.is_some_and(|configured| configured == "false");
    let state = match status {
        Some("streaming") => "streaming",
        None if from_archive => "from archive",
        _ => "disconnected",
    };
    let lag = if state == "streaming" && behind == Some(0.0) { Some(0.0) } else { since_replay };
    Ok(row("(this standby)", state, lag, behind, None))
}

fn row(replica: &str, state: &str, lag: Option<f64>, behind: Option<f64>, sync: Option<&str>) -> Row {
    Row::new()
        .text("replica", replica)
        .text("state", state)
        .with("lag", lag.map_or(Value::Null, Value::Duration))
        .with("behind_bytes", behind.map_or(Value::Null, Value::Number))
        .with("sync", sync.map_or(Value::Null, |sync| Value::Text(Untrusted::new(sync))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Earlier;
    use crate::checks::testing::{number, parse, parse_after, rows, text};

    #[test]
    fn a_primary_lists_its_replicas() {
        let rows = rows::<PostgresReplicationLag>("{}", "postgres-15-primary");
        assert_eq!(text(&rows[0], "replica"), "standby1@127.0.0.1");
        assert_eq!((number(&rows[0], "lag"), number(&rows[0], "behind_bytes")), (0.0, 0.0));
    }

    #[test]
    fn a_replica_that_does_not_replay_is_behind_on_both_sides() {
        for name in ["postgres-15-primary-behind", "postgres-15-standby-behind"] {
            let rows = rows::<PostgresReplicationLag>("{}", name);
            assert!(number(&rows[0], "lag") > 20.0 && number(&rows[0], "behind_bytes") > 800_000.0, "{name}");
        }
    }

    #[test]
    fn a_standby_that_has_all_it_received_is_not_fine_when_nothing_is_received() {
        let whole = rows::<PostgresReplicationLag>("{}", "postgres-15-standby");
        assert_eq!((text(&whole[0], "state"), number(&whole[0], "lag")), ("streaming", 0.0));
        let cut = rows::<PostgresReplicationLag>("{}", "postgres-15-standby-cut-off");
        assert_eq!((text(&cut[0], "state"), number(&cut[0], "behind_bytes")), ("disconnected", 0.0));
        assert!(number(&cut[0], "lag") > 8.0);
    }

    #[test]
    fn a_slot_that_nobody_reads_is_a_lost_replica() {
        let rows = rows::<PostgresReplicationLag>("{}", "postgres-15-primary-lost-replica");
        assert_eq!((text(&rows[0], "replica"), text(&rows[0], "state")), ("dr_site", "disconnected"));
        assert_eq!(rows[0].get("lag"), Some(&Value::Null));
    }

    #[test]
    fn a_server_without_replication_has_no_lag_unless_it_had_replicas() {
        let none = Parsed::NotApplicable { what: "replication" };
        for name in ["postgres-10-none", "postgres-15-none", "postgres-17-none"] {
            assert_eq!(parse::<PostgresReplicationLag>("{}", name), Ok(none.clone()), "{name}");
            assert_eq!(parse::<PostgresReplicationLag>(r#"{ "required": true }"#, name), Ok(Parsed::Rows(Vec::new())), "{name}");
        }
        let earlier = Earlier { at: chrono::DateTime::UNIX_EPOCH, rows: rows::<PostgresReplicationLag>("{}", "postgres-15-primary") };
        assert_eq!(parse_after::<PostgresReplicationLag>("{}", "postgres-15-none", Some(&earlier)), Ok(Parsed::Rows(Vec::new())));
    }

    #[test]
    fn who_may_not_look_sees_no_replicas_and_that_is_an_error() {
        assert!(parse::<PostgresReplicationLag>("{}", "postgres-15-without-right").is_err());
    }
}
