//! Why there is no verdict, or what qualifies one: stored as parameters, put into words when shown.

use serde::{Deserialize, Serialize};

use super::text::{Lang, Phrase};
use super::unit::show_duration;
use super::untrusted::Untrusted;

/// A reason, with its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "id", rename_all = "kebab-case")]
pub enum Message {
    /// The probe's command is not on the target.
    CommandNotFound {
        /// The command.
        command: String,
    },
    /// The account lacks a right; the remedy names it.
    NeedsRight {
        /// What is needed, e.g. a sudoers line or a GRANT.
        needs: String,
    },
    /// An answer came that the check cannot read.
    Unreadable {
        /// What was to be read.
        what: String,
        /// The place in the answer.
        detail: Untrusted,
    },
    /// The answer was empty where it cannot be.
    Empty {
        /// The probe.
        probe: String,
    },
    /// The answer was larger than the cap, so that rows may be missing.
    Cut {
        /// The probe.
        probe: String,
    },
    /// The probe failed.
    ProbeFailed {
        /// The probe.
        probe: String,
        /// Exit status, where there was one.
        status: Option<i32>,
        /// What it said.
        detail: Untrusted,
    },
    /// The failure lies on our side.
    OurSide {
        /// What failed.
        detail: String,
    },
    /// No way of asking fits this server's kind and version.
    NoVariant {
        /// What the server is.
        server: Untrusted,
    },
    /// The check found no row, and none is not good.
    NoRows,
    /// A row has no key.
    NullKey {
        /// The key's field.
        field: String,
    },
    /// Two rows have the same key.
    DoubleKey {
        /// The key.
        key: Untrusted,
    },
    /// Several rows came, and the check has no key to tell them apart.
    NoKey {
        /// How many.
        rows: usize,
    },
    /// The rule needs a field that the target answered with null.
    NullField {
        /// The field.
        field: String,
    },
    /// The rule could not be computed.
    Rule {
        /// The rule as written.
        rule: String,
        /// Why.
        detail: String,
    },
    /// A row of last time is gone.
    Gone,
    /// No answer within the limit.
    TimedOut {
        /// The limit.
        limit_s: f64,
    },
    /// No connection: nobody listens, or a firewall says no.
    Refused {
        /// Where.
        place: String,
        /// In the words of the system.
        detail: Untrusted,
    },
    /// No connection within the limit.
    ConnectTimedOut {
        /// Where.
        place: String,
        /// The limit.
        limit_s: f64,
    },
    /// The name of the target does not resolve.
    NoSuchName {
        /// The name.
        name: String,
    },
    /// The target is not who we know, or nobody told us who it is.
    Identity {
        /// What was expected and what was seen, and what to do.
        detail: String,
    },
    /// The target did not let us in.
    LoginRefused {
        /// The account.
        user: String,
        /// What was tried, and what it said.
        detail: Untrusted,
    },
    /// The line was cut.
    CutOff {
        /// In the words of the system.
        detail: Untrusted,
    },
    /// The target speaks no protocol that we know.
    Protocol {
        /// What it said instead.
        detail: Untrusted,
    },
    /// The whole target is unreachable; its item `reachable` tells why.
    SeeReachable,
    /// A rate or a trend has no earlier value yet.
    NoEarlierValue,
    /// A trend has not enough history yet.
    Collecting {
        /// Days collected so far.
        have_days: f64,
        /// Days wanted.
        want_days: f64,
    },
    /// Left out by a line of the playbook.
    SkippedBy {
        /// The reason written there.
        reason: Phrase,
        /// Where it is written.
        origin: String,
    },
    /// Left out by a maintenance window.
    Window {
        /// The window's id.
        window: String,
        /// Its reason.
        reason: Phrase,
    },
    /// There is no transport for this kind of target yet.
    NoTransport {
        /// The kind.
        kind: String,
    },
    /// The run was cancelled before the item ended.
    Cancelled,
    /// The run reached its time limit before the item ended.
    RunLimit {
        /// The limit.
        limit_s: f64,
    },
    /// A person was to answer and has not.
    AwaitsPerson {
        /// Who.
        who: String,
    },
    /// Members of a comparison across targets are not judged.
    MembersUnjudged {
        /// How many.
        count: usize,
    },
    /// A proof that the thing asked about is not there.
    NotThere {
        /// What is not there.
        what: String,
    },
}

impl Message {
    /// The reason in words, in `lang`. Text of targets is shown with visible codes, markup unescaped.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let en = lang == Lang::En;
        let pick = |english: String, chinese: String| if en { english } else { chinese };
        match self {
            Self::CommandNotFound { command } => pick(format!("`{command}` is not on the target"), format!("目标上没有命令 `{command}`")),
            Self::NeedsRight { needs } => pick(format!("needs {needs}"), format!("需要权限：{needs}")),
            Self::Unreadable { what, detail } => {
                let detail = detail.visible();
                pick(format!("cannot read {what}: {detail}"), format!("无法解读 {what}：{detail}"))
            }
            Self::Empty { probe } => pick(format!("`{probe}` gave an empty answer"), format!("`{probe}` 返回空内容")),
            Self::Cut { probe } => pick(
                format!("the answer of `{probe}` was larger than the cap, rows may be missing"),
                format!("`{probe}` 的输出超过上限，可能缺行"),
            ),
            Self::ProbeFailed { probe, status, detail } => {
                let detail = detail.visible();
                let status = status.map_or_else(String::new, |status| pick(format!(" (status {status})"), format!("（状态码 {status}）")));
                pick(format!("`{probe}` failed{status}: {detail}"), format!("`{probe}` 失败{status}：{detail}"))
            }
            Self::OurSide { detail } => pick(format!("failed on our side: {detail}"), format!("我方故障：{detail}")),
            Self::NoVariant { server } => {
                let server = server.visible();
                pick(format!("no way of asking fits {server}"), format!("没有适用于 {server} 的查询方式"))
            }
            Self::NoRows => pick("found nothing to judge".into(), "没有可判断的数据".into()),
            Self::NullKey { field } => pick(format!("a row has no `{field}`"), format!("有一行缺少 `{field}`")),
            Self::DoubleKey { key } => {
                let key = key.visible();
                pick(format!("two rows are both `{key}`"), format!("有两行同为 `{key}`"))
            }
            Self::NoKey { rows } => pick(
                format!("{rows} rows came, and the check has no key to tell them apart"),
                format!("返回 {rows} 行，而该检查没有区分各行的键"),
            ),
            Self::NullField { field } => pick(format!("`{field}` has no value"), format!("`{field}` 没有值")),
            Self::Rule { rule, detail } => {
                pick(format!("the rule `{rule}` cannot be computed: {detail}"), format!("规则 `{rule}` 无法计算：{detail}"))
            }
            Self::Gone => pick("was there last time and is gone".into(), "上次存在，现已消失".into()),
            Self::TimedOut { limit_s } => {
                let limit = show_duration(*limit_s);
                pick(format!("no answer within {limit}"), format!("{limit} 内没有回答"))
            }
            Self::Refused { place, detail } => {
                let detail = detail.visible();
                pick(format!("{place} refused the connection: {detail}"), format!("{place} 拒绝连接：{detail}"))
            }
            Self::ConnectTimedOut { place, limit_s } => {
                let limit = show_duration(*limit_s);
                pick(format!("no connection to {place} within {limit}"), format!("{limit} 内无法连接 {place}"))
            }
            Self::NoSuchName { name } => pick(format!("the name {name} does not resolve"), format!("域名 {name} 无法解析")),
            Self::Identity { detail } => pick(format!("identity: {detail}"), format!("身份不符：{detail}")),
            Self::LoginRefused { user, detail } => {
                let detail = detail.visible();
                pick(format!("login as {user} refused: {detail}"), format!("以 {user} 登录被拒：{detail}"))
            }
            Self::CutOff { detail } => {
                let detail = detail.visible();
                pick(format!("the line was cut: {detail}"), format!("连接中断：{detail}"))
            }
            Self::Protocol { detail } => {
                let detail = detail.visible();
                pick(format!("not the protocol we expect: {detail}"), format!("协议不符：{detail}"))
            }
            Self::SeeReachable => pick("the target could not be reached, see `reachable`".into(), "目标无法连接，见“可达性”".into()),
            Self::NoEarlierValue => pick("no earlier value yet".into(), "尚无上次的值".into()),
            Self::Collecting { have_days, want_days } => pick(
                format!("collecting: day {have_days:.0} of {want_days:.0}"),
                format!("收集数据中：第 {have_days:.0} 天，共需 {want_days:.0} 天"),
            ),
            Self::SkippedBy { reason, origin } => {
                let reason = reason.get(lang);
                pick(format!("{reason} ({origin})"), format!("{reason}（{origin}）"))
            }
            Self::Window { window, reason } => {
                let reason = reason.get(lang);
                pick(format!("window {window}: {reason}"), format!("维护窗口 {window}：{reason}"))
            }
            Self::NoTransport { kind } => pick(format!("no transport for {kind} yet"), format!("尚不支持连接 {kind}")),
            Self::Cancelled => pick("the run was cancelled".into(), "本次执行被取消".into()),
            Self::RunLimit { limit_s } => {
                let limit = show_duration(*limit_s);
                pick(format!("the run reached its limit of {limit}"), format!("本次执行达到时限 {limit}"))
            }
            Self::AwaitsPerson { who } => pick(format!("{who} has not answered"), format!("{who} 尚未答复")),
            Self::MembersUnjudged { count } => {
                pick(format!("{count} of its members could not be judged"), format!("{count} 个成员未能判断"))
            }
            Self::NotThere { what } => pick(format!("there is no {what} on this target"), format!("该目标上没有 {what}")),
        }
    }
}
