//! What a person sees while a run goes on: a bar on a terminal, plain lines elsewhere.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::{Lang, Outcome};
use crate::runner::RunEvent;

/// Shows a run while it goes on.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    plain: bool,
    under_way: BTreeSet<String>,
    lang: Lang,
}

impl Progress {
    /// For `targets` targets; `quiet` shows nothing.
    #[must_use]
    pub(super) fn new(targets: usize, quiet: bool, lang: Lang) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = (terminal && !quiet).then(|| {
            let bar = ProgressBar::with_draw_target(Some(targets as u64), ProgressDrawTarget::stderr());
            let form = "{bar:24.cyan/dim} {pos}/{len} {elapsed:>4} {wide_msg:.dim}";
            bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, plain: !terminal && !quiet, under_way: BTreeSet::new(), lang }
    }

    /// Shows what happened.
    pub(super) fn tell(&mut self, event: &RunEvent) {
        match event {
            RunEvent::TargetBegan { target } => {
                self.under_way.insert(target.clone());
            }
            RunEvent::Ended { target: Some(target), recordings } => {
                self.under_way.remove(target);
                if let Some(bar) = &self.bar {
                    bar.inc(1);
                }
                if self.plain {
                    let worst = recordings.iter().map(|recording| recording.item.outcome).max_by_key(|outcome| outcome.severity());
                    eprintln!(
                        "{target}: {} items, worst {}",
                        recordings.len(),
                        worst.map_or("none", |worst: Outcome| worst.label().get(self.lang))
                    );
                }
            }
            RunEvent::Ended { target: None, .. } => {}
        }
        if let Some(bar) = &self.bar {
            let names: Vec<&str> = self.under_way.iter().map(String::as_str).take(4).collect();
            let more = self.under_way.len().saturating_sub(names.len());
            bar.set_message(if more > 0 { format!("{} +{more}", names.join(" ")) } else { names.join(" ") });
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
