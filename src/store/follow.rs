//! What the items of a target mean for findings: opened, seen again, proved gone, or left without their thing.

use std::collections::{BTreeSet, HashMap};

use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection};

use super::StoreError;
use super::error::While as _;
use super::findings::{FindingState, read};
use super::record::{BINDS, Numbered, push_list};
use crate::model::{ItemRecord, Outcome, Proof, Shown, Untrusted, proof, shown};

/// A finding that is open or orphaned.
struct Alive {
    id: i64,
    problem_key: String,
    line: String,
    target: String,
    check: String,
    row_key: Option<Untrusted>,
    outcome: Outcome,
    state: FindingState,
    last_seen: i64,
}

/// Opens, refreshes and closes findings by what `items` of `run` show.
pub(super) async fn write(to: &mut SqliteConnection, run: &str, playbook: &str, items: &[Numbered<'_>]) -> Result<(), StoreError> {
    let mut alive: HashMap<(String, String), Vec<Alive>> = HashMap::new();
    for finding in read_alive(to, playbook, items).await? {
        alive.entry((finding.target.clone(), finding.line.clone())).or_default().push(finding);
    }
    let mut seen = Vec::new();
    for &(_, item) in items {
        let found = shown(item);
        for finding in alive.remove(&(item.key.target.clone(), item.key.line.clone())).unwrap_or_default() {
            // Items are recorded in the order in which they end, which need not be that in which they were captured.
            let is_later = item.at.timestamp_millis() > finding.last_seen;
            if is_later && found.iter().all(|shown| shown.key != finding.problem_key) {
                follow(to, run, item, &finding).await?;
            }
        }
        seen.extend(found.into_iter().map(|shown| (item, shown)));
    }
    open_or_refresh(to, run, playbook, &seen).await
}

async fn read_alive(to: &mut SqliteConnection, playbook: &str, items: &[Numbered<'_>]) -> Result<Vec<Alive>, StoreError> {
    let targets: Vec<&str> = items.iter().map(|(_, item)| item.key.target.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    let mut alive = Vec::new();
    for some in targets.chunks(BINDS) {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM findings WHERE state <> 'solved' AND playbook = ");
        query.push_bind(playbook).push(" AND target IN (");
        push_list(&mut query, some.iter().copied());
        let rows = query.build().persistent(false).fetch_all(&mut *to).await.doing("reading open findings")?;
        for row in &rows {
            let finding = read(row)?;
            alive.push(Alive {
                id: row.get("id"),
                problem_key: finding.problem_key,
                line: finding.item.line,
                target: finding.item.target,
                check: finding.check,
                row_key: finding.row_key,
                outcome: finding.outcome,
                state: finding.state,
                last_seen: row.get("last_seen"),
            });
        }
    }
    Ok(alive)
}

/// What becomes of `finding`, which `item` does not show.
async fn follow(to: &mut SqliteConnection, run: &str, item: &ItemRecord, finding: &Alive) -> Result<(), StoreError> {
    // A line that asks something else by now says nothing about what it asked before.
    let proof = if finding.check == item.check { proof(finding.row_key.as_ref(), finding.outcome, item) } else { Proof::Orphaned };
    let state = match proof {
        Proof::Gone => FindingState::Solved,
        Proof::Orphaned => FindingState::Orphaned,
        Proof::None => return Ok(()),
    };
    if state == finding.state {
        return Ok(());
    }
    close(to, finding.id, state, Some(run), item.at.timestamp_millis()).await
}

/// Ends an episode; `run` is the one that ended it, where one did.
pub(super) async fn close(to: &mut SqliteConnection, id: i64, state: FindingState, run: Option<&str>, at: i64) -> Result<(), StoreError> {
    sqlx::query("UPDATE findings SET state = $1, closed_run = $2, closed_at = $3 WHERE id = $4")
        .bind(state.id())
        .bind(run)
        .bind(at)
        .bind(id)
        .execute(to)
        .await
        .doing("closing a finding")
        .map(drop)
}

async fn open_or_refresh(
    to: &mut SqliteConnection,
    run: &str,
    playbook: &str,
    seen: &[(&ItemRecord, Shown<'_>)],
) -> Result<(), StoreError> {
    for some in seen.chunks(BINDS / 14) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "INSERT INTO findings (problem_key, playbook, line, target, check_id, row_key, outcome, rule, origin, state, \
             first_seen, last_seen, opened_run, seen_run) ",
        );
        query.push_values(some, |mut values, (item, shown)| {
            let rule = shown.row.and_then(|row| row.rule.as_ref());
            let at = item.at.timestamp_millis();
            values
                .push_bind(&shown.key)
                .push_bind(playbook)
                .push_bind(&item.key.line)
                .push_bind(&item.key.target)
                .push_bind(&item.check)
                .push_bind(shown.row.and_then(|row| row.key.as_ref()).map(Untrusted::raw))
                .push_bind(shown.outcome.id())
                .push_bind(rule.map(|rule| rule.source.as_str()))
                .push_bind(rule.map(|rule| rule.origin.as_str()))
                .push_bind(FindingState::Open.id())
                .push_bind(at)
                .push_bind(at)
                .push_bind(run)
                .push_bind(run);
        });
        query.push(
            " ON CONFLICT (problem_key, playbook, line) WHERE state <> 'solved' DO UPDATE SET state = 'open', \
             outcome = excluded.outcome, rule = excluded.rule, origin = excluded.origin, last_seen = excluded.last_seen, \
             seen_run = excluded.seen_run, closed_run = NULL, closed_at = NULL WHERE excluded.last_seen >= findings.last_seen",
        );
        query.build().persistent(false).execute(&mut *to).await.doing("recording findings")?;
    }
    Ok(())
}
