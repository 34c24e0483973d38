//! The cover.

use serde::Serialize;

use super::context::{Context, report_number};
use crate::model::run::RunState;
use crate::report::grade::health;

/// What stands on the cover.
#[derive(Clone, Debug, Serialize)]
pub struct Cover {
    /// Title of the playbook.
    pub title: String,
    /// Names of the systems.
    pub systems: String,
    /// From when to when.
    pub period: String,
    /// How long it took.
    pub took: String,
    /// Who inspected.
    pub inspector: String,
    /// By hand or by schedule.
    pub started_by: String,
    /// Report number.
    pub number: String,
    /// Grade in a word.
    pub grade: String,
    /// Its tone.
    pub tone: &'static str,
    /// Score, or a dash.
    pub score: String,
    /// Why the grade is held down, empty when it is not.
    pub caps: String,
    /// What to say when the run is not whole.
    pub state_note: Option<String>,
    /// The one zone of all times.
    pub timezone: String,
    /// Program and version.
    pub program: String,
    /// Machine that it ran on.
    pub host: String,
    /// Playbook and the hash of its text.
    pub playbook: String,
    /// SHA-256 of the playbook.
    pub playbook_hash: String,
}

pub(super) fn cover(context: &Context<'_>) -> Cover {
    let head = &context.run.head;
    let format = context.format;
    let health = health(context.run);
    let mut systems: Vec<String> =
        head.targets.iter().filter(|target| target.system.is_some()).map(|target| context.system(&target.id)).collect();
    systems.sort();
    systems.dedup();
    let caps: Vec<&str> = health.caps.iter().map(|cap| cap.label().get(format.lang)).collect();
    Cover {
        title: super::phrase(context, &head.title, &head.playbook),
        systems: if systems.is_empty() { "—".to_owned() } else { format.list(&systems, 8) },
        period: period(context),
        took: context.run.ended.map_or_else(
            || "—".to_owned(),
            |ended| {
                #[expect(clippy::cast_precision_loss, reason = "a run takes less than 2^52 ms")]
                format.duration((ended - head.started).num_milliseconds() as f64 / 1000.0)
            },
        ),
        inspector: head.owner.as_deref().map_or_else(|| "—".to_owned(), |owner| context.person(owner)),
        started_by: started_by(context),
        number: report_number(head),
        grade: health.grade.label().get(format.lang).to_owned(),
        tone: health.grade.tone(),
        score: health.score.map_or_else(|| "—".to_owned(), |score| score.to_string()),
        caps: caps.join(format.pick("; ", "；")),
        state_note: state_note(context),
        timezone: zone_note(context),
        program: format!("rounds {}", head.version),
        host: head.host.clone(),
        playbook: head.playbook.clone(),
        playbook_hash: head.playbook_hash.clone(),
    }
}

fn period(context: &Context<'_>) -> String {
    let format = context.format;
    let started = format.time(context.run.head.started);
    match context.run.ended {
        Some(ended) if format.date(ended) == format.date(context.run.head.started) => {
            format!("{started} – {}", &format.time(ended)[11..])
        }
        Some(ended) => format!("{started} – {}", format.time(ended)),
        None => format!("{started} – …"),
    }
}

fn started_by(context: &Context<'_>) -> String {
    let by = context.run.head.started_by.as_str();
    match by.strip_prefix("by hand: ") {
        Some(who) => context.format.pick(format!("by hand: {}", context.person(who)), format!("人工：{}", context.person(who))),
        None if by == "schedule" => context.format.pick("schedule", "定时任务").to_owned(),
        None => by.to_owned(),
    }
}

fn state_note(context: &Context<'_>) -> Option<String> {
    let format = context.format;
    match context.run.state {
        RunState::Done => None,
        RunState::Running => {
            Some(format.pick("This run has not ended; the report is provisional.", "本次巡检尚未结束，报告为临时版本。").to_owned())
        }
        RunState::Cancelled => Some(
            format
                .pick("This run was cancelled; what had not ended by then was not inspected.", "本次巡检被取消，未结束的巡检项列为未巡检。")
                .to_owned(),
        ),
        RunState::Lost => Some(
            format
                .pick(
                    "This run was lost: its process died, or its result could not be recorded.",
                    "本次巡检结果丢失：进程中断或结果未能保存。",
                )
                .to_owned(),
        ),
    }
}

fn zone_note(context: &Context<'_>) -> String {
    let (name, known) = (context.run.head.timezone.as_str(), context.format.zone.name());
    if name == known { name.to_owned() } else { format!("{known} ({name}?)") }
}
