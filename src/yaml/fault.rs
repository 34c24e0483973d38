//! Faults in users' files: values that point at a place, collected all at once, drawn by miette.

use std::fmt::Write as _;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::node::{Sources, Span};
use crate::model::untrusted::visible;

/// How bad a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It will run, but probably not as meant.
    Warning,
    /// It will not run.
    Error,
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How bad.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where, with a few words at the caret; the first one is the culprit.
    pub labels: Vec<(Span, String)>,
    /// How to put it right.
    pub help: Option<String>,
}

impl Fault {
    /// An error at `span`.
    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), labels: vec![(span, String::new())], help: None }
    }

    /// A warning at `span`.
    #[must_use]
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(span, message) }
    }

    /// The fault with a remedy.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The fault with a remedy, where there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// The fault with another place that belongs to it.
    #[must_use]
    pub fn and_at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.labels.push((span, label.into()));
        self
    }

    /// The fault with words at its caret.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        if let Some((_, first)) = self.labels.first_mut() {
            *first = label.into();
        }
        self
    }
}

/// Faults found so far. Reading goes on after each, so that all are reported at once.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    /// Whether there are errors that are not listed, because there are too many already.
    more: bool,
}

/// Most faults that are listed; comparing each with all others must not take longer than reading the file.
const MOST: usize = 500;

impl Faults {
    /// Adds a fault; the same one twice is kept once. Beyond the most that are listed it is only remembered that there are more.
    pub fn push(&mut self, fault: Fault) {
        if self.list.len() >= MOST {
            self.more |= fault.severity == Severity::Error;
        } else if !self.list.contains(&fault) {
            self.list.push(fault);
        }
    }

    /// Whether any of them is an error.
    #[must_use]
    pub fn any_error(&self) -> bool {
        self.more || self.list.iter().any(|fault| fault.severity == Severity::Error)
    }

    /// The faults, by place.
    #[must_use]
    pub fn sorted(&self) -> Vec<&Fault> {
        let mut sorted: Vec<&Fault> = self.list.iter().collect();
        sorted.sort_by_key(|fault| fault.labels.first().map(|(span, _)| *span));
        sorted
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.more |= other.more;
        for fault in other.list {
            self.push(fault);
        }
    }

    /// Draws every fault with its lines and carets; `color` for a terminal.
    #[must_use]
    pub fn draw(&self, sources: &Sources, color: bool) -> String {
        let theme = if color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false).with_context_lines(1);
        let mut text = String::new();
        for fault in self.sorted() {
            // Drawing into a String cannot fail but for a fault of miette's own; the plain text is never lost.
            if handler.render_report(&mut text, &Drawn::new(fault, sources)).is_err() {
                let _ = writeln!(text, "{}", plain(fault, sources));
            }
            text.push('\n');
        }
        text + self.rest()
    }

    /// Every fault on a line: `FILE:LINE: error: MESSAGE (HELP)`, for editors and logs.
    #[must_use]
    pub fn lines(&self, sources: &Sources) -> String {
        self.sorted().iter().map(|fault| plain(fault, sources) + "\n").collect::<String>() + self.rest()
    }

    /// Whether no more are listed: who reads on would tell nobody.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.list.len() >= MOST
    }

    /// That there are errors which are not listed.
    fn rest(&self) -> &'static str {
        if self.more { "… and more errors, once these are put right\n" } else { "" }
    }
}

fn plain(fault: &Fault, sources: &Sources) -> String {
    let place = fault.labels.first().map_or_else(String::new, |(span, _)| sources.origin(*span) + ": ");
    let severity = match fault.severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    let help = fault.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
    // One fault is one line, and what stands in a file may not write to the terminal.
    visible(&format!("{place}{severity}: {}{help}", fault.message))
}

/// A fault in the form that miette draws; labels of other files are told in the help.
#[derive(Debug)]
struct Drawn {
    message: String,
    severity: miette::Severity,
    help: Option<String>,
    labels: Vec<LabeledSpan>,
    source: Option<NamedSource<String>>,
}

impl Drawn {
    fn new(fault: &Fault, sources: &Sources) -> Self {
        let file = fault.labels.first().map(|(span, _)| span.file);
        let source = file.map(|file| {
            let source = sources.get(file);
            NamedSource::new(visible(&source.path.display().to_string()), without_controls(&source.text))
        });
        let mut help = fault.help.clone();
        let mut labels = Vec::new();
        for (span, label) in &fault.labels {
            if Some(span.file) == file {
                let label = (!label.is_empty()).then(|| visible(label));
                labels.push(LabeledSpan::new(label, span.start, span.end.saturating_sub(span.start).max(1)));
            } else {
                let elsewhere = format!("{label}: {}", sources.origin(*span));
                help = Some(help.map_or_else(|| elsewhere.clone(), |help| format!("{help}\n{elsewhere}")));
            }
        }
        let severity = match fault.severity {
            Severity::Warning => miette::Severity::Warning,
            Severity::Error => miette::Severity::Error,
        };
        let help = help.map(|help| help.lines().map(visible).collect::<Vec<_>>().join("\n"));
        Self { message: visible(&fault.message), severity, help, labels, source }
    }
}

/// A file as it may be drawn: characters that would write to the terminal replaced, each by as many bytes, so that places stay.
fn without_controls(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let harmless = matches!(c, '\n' | '\t') || visible(c.encode_utf8(&mut [0; 4])).chars().eq([c]);
        if harmless { shown.push(c) } else { shown.extend(std::iter::repeat_n('?', c.len_utf8())) }
    }
    shown
}

impl std::fmt::Display for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Drawn {}

impl Diagnostic for Drawn {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
