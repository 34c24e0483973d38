//! One visit to one target: log in once, ask everything, judge what came, account for what did not.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound as _, Utc};
use tokio::sync::mpsc;

use super::after;
use super::ask::Questions;
use super::context::Context;
use super::judge_item::{self, Judging};
use super::logins::{Used, Withheld};
use crate::check::Earlier;
use crate::judge::unreachable_marks;
use crate::model::item::FieldNote;
use crate::model::probe::{Ask, NetAsk, answer};
use crate::model::{
    Attempt, Capture, FieldType, ItemKey, ItemRecord, Kind, Message, Outcome, Phrase, Probe, Row, RowRecord, RowsAre, Target, Value,
};
use crate::playbook::{ItemTexts, Plan, PlannedItem, Work};
use crate::schedule::Effect;
use crate::store::Recording;
use crate::transport::{self, Answer, Asked, FailureKind, Session, TransportError};

/// How many answers may wait to be taken.
const ANSWERS: usize = 64;

/// Visits `target` and gives back the recordings of `items` (positions in the plan), one each, in their order.
pub(super) async fn visit(plan: &Plan, context: &Context, target: &Arc<Target>, items: &[usize]) -> Vec<Recording> {
    let items: Vec<&PlannedItem> = items.iter().map(|&position| &plan.items[position]).collect();
    let now = context.moment();
    if let Some(reason) = closed_by_window(plan, target, now) {
        return items.iter().map(|item| without_answer(item, Outcome::Skipped, reason.clone(), now)).collect();
    }
    if let Some(reason) = context.stopped_by() {
        return items.iter().map(|item| without_answer(item, Outcome::NotRun, reason.clone(), now)).collect();
    }
    let mut visit = Visit::new(plan, context, target, items);
    visit.look_back().await;
    visit.ask().await;
    visit.finish().await
}

/// The window that keeps us away from `target`, if one does.
fn closed_by_window(plan: &Plan, target: &Target, now: DateTime<Utc>) -> Option<Message> {
    let closed = plan.windows.iter().find(|planned| {
        planned.window.effects.contains(&Effect::Skip)
            && planned.targets.as_ref().is_none_or(|targets| targets.contains(&target.id))
            && planned.window.holds(now, plan.timezone, plan.calendar.as_deref())
    })?;
    Some(Message::Window { window: closed.window.id.value.clone(), reason: closed.window.reason.clone() })
}

/// The recording of an item that nothing was asked for.
pub(super) fn without_answer(item: &PlannedItem, outcome: Outcome, reason: Message, at: DateTime<Utc>) -> Recording {
    Recording { item: blank(item, outcome, Some(reason), at), captures: Vec::new(), asked: Vec::new() }
}

/// A record of `item` without rows.
pub(super) fn blank(item: &PlannedItem, outcome: Outcome, reason: Option<Message>, at: DateTime<Utc>) -> ItemRecord {
    let texts: &ItemTexts = &item.texts;
    ItemRecord {
        key: item.key.clone(),
        kind: item.kind(),
        check: texts.check.clone(),
        check_version: texts.check_version,
        title: texts.title.clone(),
        class: texts.class.clone(),
        outcome,
        reason,
        rows: Vec::new(),
        rows_are: RowsAre::Things,
        fields: Vec::new(),
        thresholds: texts.thresholds.clone(),
        advice: texts.advice.clone(),
        why: texts.why.clone(),
        runbook: texts.runbook.clone(),
        at,
        took_ms: 0,
        attempts: Vec::new(),
        captures: Vec::new(),
    }
}

/// A visit under way.
struct Visit<'v> {
    plan: &'v Plan,
    context: &'v Context,
    target: &'v Arc<Target>,
    items: Vec<&'v PlannedItem>,
    questions: Questions,
    captures: HashMap<usize, Vec<Capture>>,
    earlier: Result<HashMap<ItemKey, Earlier>, super::PastError>,
    attempts: Vec<Attempt>,
    /// What came of reaching the target: what it said of itself, or why it could not be reached.
    reached: Option<Result<Vec<(&'static str, String)>, TransportError>>,
    reached_in: Duration,
    /// How the session failed after it had been opened.
    broken: Option<TransportError>,
    at: DateTime<Utc>,
}

impl<'v> Visit<'v> {
    fn new(plan: &'v Plan, context: &'v Context, target: &'v Arc<Target>, items: Vec<&'v PlannedItem>) -> Self {
        let mut questions = Questions::default();
        for (place, item) in items.iter().enumerate() {
            if let Work::Check(check) = &item.work {
                questions.add(place, check);
            }
        }
        Self {
            plan,
            context,
            target,
            items,
            questions,
            captures: HashMap::new(),
            earlier: Ok(HashMap::new()),
            attempts: Vec::new(),
            reached: None,
            reached_in: Duration::ZERO,
            broken: None,
            at: context.moment(),
        }
    }

    /// Fetches the rows of the last run in which each item was judged.
    async fn look_back(&mut self) {
        let keys: Vec<(ItemKey, String)> = self
            .items
            .iter()
            .filter(|item| matches!(item.work, Work::Check(_)))
            .map(|item| (item.key.clone(), item.texts.check.clone()))
            .collect();
        if !keys.is_empty() {
            self.earlier = self.context.past.earlier_of(&self.plan.playbook, &keys).await;
        }
    }

    /// Reaches the target and asks everything. Questions from our side do not wait for it.
    async fn ask(&mut self) {
        if !self.target.kind.has_transport() {
            return;
        }
        let net = std::mem::take(&mut self.questions.net);
        let (sender, receiver) = mpsc::channel(ANSWERS);
        let context = self.context;
        let asking_net = async move { transport::net::ask(&context.lines, net, &sender, context.stop()).await };
        let (net_answers, (), ()) = tokio::join!(collect(receiver), asking_net, self.ask_session());
        for (id, capture) in net_answers {
            self.take(id, &capture);
        }
    }

    /// Opens the session, with retries, and carries the questions; a line that was cut is opened once more for what is left.
    async fn ask_session(&mut self) {
        let mut answered: Vec<usize> = Vec::new();
        let waits = self.context.retry_after.clone();
        for attempt in 0..=waits.len() {
            let (began, clock) = (self.context.moment(), Instant::now());
            let opened = self.open().await;
            if self.broken.is_none() {
                self.reached_in = clock.elapsed();
            }
            let mut is_over = attempt == waits.len();
            let failure = match opened {
                Ok(None) => {
                    self.note_attempt(began, clock, None);
                    return;
                }
                Ok(Some(mut session)) => {
                    self.reached = Some(Ok(session.greeting()));
                    let asked = self.questions.unanswered(&answered);
                    if asked.is_empty() {
                        self.note_attempt(began, clock, None);
                        return;
                    }
                    match self.carry(&mut *session, asked, &mut answered).await {
                        Ok(()) => {
                            self.broken = None;
                            self.note_attempt(began, clock, None);
                            return;
                        }
                        Err(error) => {
                            self.broken = Some(error.clone());
                            // The session has had all the time that a target gets.
                            is_over |= error.kind == FailureKind::TimedOut;
                            error
                        }
                    }
                }
                Err(error) => {
                    if self.broken.is_none() {
                        self.reached = Some(Err(error.clone()));
                    }
                    error
                }
            };
            self.note_attempt(began, clock, Some(failure.message.clone()));
            let stop = self.context.stop();
            if !stop.is_cancelled() {
                if is_over || !failure.kind.may_pass() {
                    return;
                }
                tokio::select! {
                    () = tokio::time::sleep(waits[attempt]) => continue,
                    () = stop.cancelled() => {}
                }
            }
            // Ended by us, or before the last attempt: that says nothing about the target.
            self.reached = self.reached.take().filter(Result::is_ok);
            return;
        }
    }

    fn note_attempt(&mut self, at: DateTime<Utc>, clock: Instant, failure: Option<Message>) {
        self.attempts.push(Attempt { at, took_ms: milliseconds(clock.elapsed()), failure });
    }

    /// A session, or `None` where the target has none and was reached from our side.
    async fn open(&mut self) -> Result<Option<Box<dyn Session>>, TransportError> {
        let (lines, target, stop) = (Arc::clone(&self.context.lines), Arc::clone(self.target), self.context.stop().clone());
        if target.kind == Kind::Http {
            return self.knock().await.map(|()| None);
        }
        let logins = &self.context.logins;
        let on_the_way = self.logins_on_the_way();
        let turn = tokio::select! {
            turn = logins.turn(&on_the_way) => turn,
            () = stop.cancelled() => return Err(TransportError::new(FailureKind::CutOff, Message::Cancelled)),
        };
        let turn = turn.map_err(|Withheld(login)| {
            let detail = format!("the login `{login}` was refused twice in this run and is not used again");
            TransportError::new(FailureKind::OurSide, Message::OurSide { detail })
        })?;
        let opened = transport::open(lines, target, stop).await;
        let refused_at = match &opened {
            Err(error) if error.kind == FailureKind::LoginRefused => Some(self.login_of(error.hop.as_deref())),
            _ => None,
        };
        let used = match (&opened, &refused_at) {
            (Ok(_), _) => Used::LetIn,
            (Err(_), Some(Some(login))) => Used::Refused(login),
            (Err(_), _) => Used::Unknown,
        };
        logins.end(turn, used);
        opened.map(Some)
    }

    /// Ids of the logins of the target and of the hosts through which it is reached.
    fn logins_on_the_way(&self) -> BTreeSet<String> {
        let hops = self.target.via.iter().map(|hop| self.login_of(Some(hop)));
        hops.chain(std::iter::once(self.login_of(None))).flatten().collect()
    }

    /// Id of the login of `hop`, or of the target itself.
    fn login_of(&self, hop: Option<&str>) -> Option<String> {
        let place = match hop {
            Some(hop) if hop != self.target.id => self.context.lines.targets.get(hop)?,
            _ => self.target,
        };
        place.login.as_ref().map(|login| login.id.clone())
    }

    /// Whether somebody listens where a web endpoint is said to be.
    async fn knock(&mut self) -> Result<(), TransportError> {
        let url = self.target.url.clone().unwrap_or_default();
        let (host, port) = host_and_port(&url).ok_or_else(|| {
            TransportError::new(FailureKind::OurSide, Message::OurSide { detail: format!("`{url}` is no URL with a host") })
        })?;
        let place = format!("{host}:{port}");
        let limit = self.context.lines.connect_limit;
        let asked = Asked { id: 0, probe: Probe::net("knock", NetAsk::Tcp { host: host.clone(), port }), limit };
        let (sender, receiver) = mpsc::channel(1);
        let context = self.context;
        let asking = async move { transport::net::ask(&context.lines, vec![asked], &sender, context.stop()).await };
        let (answers, ()) = tokio::join!(collect(receiver), asking);
        let capture = answers.into_iter().next().map(|(_, capture)| capture);
        let tcp = capture.as_ref().and_then(|capture| serde_json::from_slice::<answer::Tcp>(&capture.out).ok());
        let Some(tcp) = tcp else {
            return Err(TransportError::new(FailureKind::OurSide, Message::OurSide { detail: format!("could not ask {place}") }));
        };
        if tcp.open {
            self.reached = Some(Ok(vec![("address", place)]));
            return Ok(());
        }
        let detail = tcp.detail.unwrap_or_default().into();
        Err(match tcp.failure.as_deref() {
            Some("timed-out") => {
                TransportError::new(FailureKind::TimedOut, Message::ConnectTimedOut { place, limit_s: limit.as_secs_f64() })
            }
            Some("dns") => TransportError::new(FailureKind::NoSuchName, Message::NoSuchName { name: host }),
            _ => TransportError::new(FailureKind::Refused, Message::Refused { place, detail }),
        })
    }

    /// Carries `asked` and takes the answers as they come.
    async fn carry(&mut self, session: &mut dyn Session, asked: Vec<Asked>, answered: &mut Vec<usize>) -> Result<(), TransportError> {
        let (sender, receiver) = mpsc::channel(ANSWERS);
        let halves: HashMap<usize, usize> = asked.iter().map(|asked| (asked.id, answers_of(&asked.probe))).collect();
        let carrying = session.ask(asked, sender, self.context.stop().clone());
        let (answers, carried) = tokio::join!(collect(receiver), carrying);
        let mut counts: HashMap<usize, usize> = HashMap::new();
        for (id, capture) in answers {
            *counts.entry(id).or_default() += 1;
            self.take(id, &capture);
        }
        answered.extend(counts.iter().filter(|(id, count)| halves.get(id).is_some_and(|whole| *count >= whole)).map(|(id, _)| *id));
        carried
    }

    fn take(&mut self, id: usize, capture: &Capture) {
        for (item, capture) in self.questions.answer(id, capture) {
            let captures = self.captures.entry(item).or_default();
            // Asked again after a cut line: the whole answer replaces the half one.
            captures.retain(|earlier| earlier.probe != capture.probe);
            captures.push(Capture { at: capture.at.trunc_subsecs(3), ..capture });
        }
    }

    /// The recordings of all items.
    async fn finish(mut self) -> Vec<Recording> {
        let mut recordings = Vec::with_capacity(self.items.len());
        for place in 0..self.items.len() {
            let item = self.items[place];
            let recording = match &item.work {
                Work::Reachable { .. } => self.reachable(item),
                Work::Check(_) => self.judged(place),
                Work::Skip(reason) => without_answer(item, Outcome::Skipped, reason.clone(), self.at),
                Work::NotRun(reason) => without_answer(item, Outcome::NotRun, reason.clone(), self.at),
                // Judged below, when what they look at has been.
                Work::Trend { .. } | Work::Across { .. } | Work::Person { .. } => {
                    without_answer(item, Outcome::NotRun, Message::NoEarlierValue, self.at)
                }
            };
            recordings.push(recording);
        }
        for place in 0..self.items.len() {
            if let Work::Trend { of, .. } = &self.items[place].work {
                let base = recordings.iter().find(|recording| recording.item.key == *of).map(|recording| recording.item.clone());
                recordings[place] = after::trend(self.plan, self.context, self.items[place], base.as_ref()).await;
            }
        }
        recordings
    }

    fn reachable(&self, item: &PlannedItem) -> Recording {
        let mut record = blank(item, Outcome::NotRun, None, self.at);
        record.attempts.clone_from(&self.attempts);
        record.took_ms = milliseconds(self.reached_in);
        match &self.reached {
            Some(Ok(greeting)) => {
                record.outcome = Outcome::Ok;
                let mut row = Row::new().duration("took", self.reached_in.as_secs_f64());
                record.fields = vec![note("took", FieldType::Duration, "Time to log in", "登录用时")];
                for (name, value) in greeting {
                    row.push(*name, Value::Text(value.as_str().into()));
                    record.fields.push(note(name, FieldType::Text, name, name));
                }
                record.rows = vec![judge_item::plain_row(row, Outcome::Ok, None)];
            }
            Some(Err(error)) => {
                record.outcome = match error.kind {
                    FailureKind::OurSide => Outcome::Error,
                    _ => Outcome::Crit,
                };
                record.reason = Some(error.message.clone());
                let mut row: RowRecord = judge_item::plain_row(Row::new(), record.outcome, Some(error.message.clone()));
                if let Work::Reachable { waivers } = &item.work {
                    row.marks = unreachable_marks(waivers);
                }
                record.rows = vec![row];
            }
            None => record.reason = Some(self.context.stopped_by().unwrap_or(Message::Cancelled)),
        }
        Recording { item: record, captures: Vec::new(), asked: Vec::new() }
    }

    fn judged(&mut self, place: usize) -> Recording {
        let item = self.items[place];
        let Work::Check(check) = &item.work else { return without_answer(item, Outcome::NotRun, Message::Cancelled, self.at) };
        let captures = self.captures.remove(&place).unwrap_or_default();
        let asked = judge_item::asked(check, self.plan.calendar.is_some());
        if !self.questions.is_complete(place) {
            let (outcome, reason) = self.why_incomplete(place);
            let mut recording = without_answer(item, outcome, reason, self.at);
            recording.captures = captures;
            recording.asked = asked;
            return recording;
        }
        let earlier = match &self.earlier {
            Ok(earlier) => earlier.get(&item.key),
            Err(error) => {
                let mut recording = without_answer(item, Outcome::Error, Message::OurSide { detail: error.to_string() }, self.at);
                recording.captures = captures;
                return recording;
            }
        };
        let at = captures.iter().map(|capture| capture.at).min().unwrap_or(self.at);
        let judging = Judging {
            bound: &*check.bound,
            rules: &check.rules,
            given: &check.given,
            zone: self.plan.timezone,
            calendar: self.plan.calendar.as_deref(),
            target: self.target,
            at,
            earlier,
        };
        let mut record = judge_item::judge(blank(item, Outcome::NotRun, None, at), &captures, &judging);
        record.took_ms = captures.iter().map(|capture| capture.took_ms).sum();
        record.attempts.clone_from(&self.attempts);
        Recording { item: record, captures, asked }
    }

    /// Why an item has not all of its answers.
    fn why_incomplete(&self, place: usize) -> (Outcome, Message) {
        if let Some(reason) = self.context.stopped_by() {
            return (Outcome::NotRun, reason);
        }
        if self.questions.needs_session(place) {
            match (&self.reached, &self.broken) {
                (Some(Err(error)), _) if error.kind == FailureKind::OurSide => return (Outcome::Error, error.message.clone()),
                (Some(Err(_)), _) => return (Outcome::Unreachable, Message::SeeReachable),
                (_, Some(error)) if error.kind == FailureKind::TimedOut => return (Outcome::TimedOut, error.message.clone()),
                (_, Some(error)) => return (Outcome::Unreachable, error.message.clone()),
                _ => {}
            }
        }
        (Outcome::Error, Message::OurSide { detail: "a probe was carried and gave no answer".to_owned() })
    }
}

/// Everything that comes through a channel until its senders are gone.
async fn collect(mut receiver: mpsc::Receiver<Answer>) -> Vec<Answer> {
    let mut answers = Vec::new();
    while let Some(answer) = receiver.recv().await {
        answers.push(answer);
    }
    answers
}

/// Host and port of a URL, the usual port of its scheme included.
fn host_and_port(url: &str) -> Option<(String, u16)> {
    let url = reqwest::Url::parse(url).ok()?;
    Some((url.host_str()?.trim_matches(['[', ']']).to_owned(), url.port_or_known_default()?))
}

fn answers_of(probe: &Probe) -> usize {
    match &probe.ask {
        Ask::Shell(shell) if shell.twice => 2,
        _ => 1,
    }
}

fn note(name: &str, field_type: FieldType, en: &str, zh: &str) -> FieldNote {
    FieldNote { name: name.to_owned(), field_type, label: Phrase { en: Some(en.to_owned()), zh: Some(zh.to_owned()) } }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
