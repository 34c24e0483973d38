//! The one model that every page is drawn from: words resolved, numbers formatted, texts of targets on one line.
//!
//! Nothing here is escaped: a string may hold any markup that a target sent, and whoever draws it escapes it in the way of
//! its format. What templates see is exactly this, as JSON.

mod appendix;
mod capacity;
mod changes;
mod context;
mod cover;
mod coverage;
mod decisions;
mod detail;
mod left_open;
mod not_inspected;
mod overview;
mod page;
mod problems;
mod red;
mod status;
mod verdict;

use serde::Serialize;

use super::compare::compare;
use super::source::Source;
use super::words::Words;
use crate::model::{Lang, Phrase};
pub use appendix::Appendix;
pub use capacity::{Capacity, ExpiryLine, FillLine};
pub use changes::{ChangeLine, Changes};
pub use context::report_number;
pub use cover::Cover;
pub use detail::{CheckLine, ClassView, RowLine};
pub use left_open::{LeftLine, LeftOpen};
pub use not_inspected::NotInspectedLine;
pub use overview::{Conclusion, Overview};
pub use page::Page;
pub use problems::{AcceptedLine, ProblemLine};
pub use red::RedPage;
pub use status::Status;

use context::Context;

/// What is drawn.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum View {
    /// A run whose ledger balances.
    Whole(Box<Whole>),
    /// A run whose ledger does not: one page with both sums, and nothing else.
    Red(Box<RedPage>),
}

/// The pages of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Whole {
    /// Language, as in `<html lang>`.
    pub lang: &'static str,
    /// Our words.
    pub words: Words,
    /// Cover.
    pub cover: Cover,
    /// Page 1, the manager's.
    pub page: Page,
    /// 1.
    pub overview: Overview,
    /// 2.
    pub conclusion: Conclusion,
    /// 3: open problems, worst first.
    pub problems: Vec<ProblemLine>,
    /// 3: what to say when there is none.
    pub problems_note: &'static str,
    /// 3: problems that a waiver covers.
    pub accepted: Vec<AcceptedLine>,
    /// 4.
    pub left_open: LeftOpen,
    /// 5.
    pub not_inspected: Vec<NotInspectedLine>,
    /// 5: what to say when there is nothing.
    pub not_inspected_note: &'static str,
    /// 6.
    pub classes: Vec<ClassView>,
    /// 7.
    pub capacity: Capacity,
    /// 8.
    pub changes: Changes,
    /// 9.
    pub appendix: Appendix,
}

impl View {
    /// Whether the ledger balances; a command that shows a view which does not ends with status 4.
    #[must_use]
    pub const fn balances(&self) -> bool {
        matches!(self, Self::Whole(_))
    }

    /// The view without the rows of what is fine: paper tells those per check, HTML and CSV hold them all.
    #[must_use]
    pub fn for_paper(mut self) -> Self {
        if let Self::Whole(whole) = &mut self {
            for check in whole.classes.iter_mut().flat_map(|class| &mut class.checks) {
                check.rows = Vec::new();
            }
        }
        self
    }
}

/// Puts a run into words.
#[must_use]
pub fn view(source: &Source<'_>, lang: Lang) -> View {
    let context = Context::new(source, lang);
    if !source.run.tally().balances() {
        return View::Red(Box::new(red::red_page(&context)));
    }
    let comparison = compare(source.run, source.previous);
    let problems = problems::problem_lines(&context, &comparison);
    let capacity = capacity::capacity(&context);
    let not_inspected = not_inspected::lines(&context);
    // An empty plan has no problem and lacks nothing, and must not sound as if that were good.
    let nothing_checked = source.run.tally().judged() == 0;
    let unless_empty = |note: &'static str| if nothing_checked { context.words.nothing_checked } else { note };
    View::Whole(Box::new(Whole {
        lang: context.format.pick("en", "zh-CN"),
        words: context.words,
        cover: cover::cover(&context),
        page: page::page(&context, &comparison, &problems, &capacity, &not_inspected),
        overview: overview::overview(&context),
        conclusion: overview::conclusion(&context),
        accepted: problems::accepted_lines(&context),
        left_open: left_open::left_open(&context, &comparison),
        classes: detail::classes(&context),
        changes: changes::changes(&context),
        appendix: appendix::appendix(&context),
        problems_note: unless_empty(context.words.no_problems),
        not_inspected_note: unless_empty(context.words.no_not_inspected),
        problems,
        not_inspected,
        capacity,
    }))
}

fn phrase(context: &Context<'_>, phrase: &Phrase, or: &str) -> String {
    let text = phrase.get(context.format.lang);
    crate::model::untrusted::visible(if text.is_empty() { or } else { text })
}
