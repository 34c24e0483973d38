//! A site: the folder of files that a team keeps, read and sorted by what each one is.

use std::path::{Path, PathBuf};

use super::document::{LineDoc, PartDoc, PlaybookDoc, read_part, read_playbook};
use super::settings::{SettingsDoc, read_settings};
use super::shipped;
use super::waiver::{WaiverDoc, read_waivers};
use crate::inventory::document::{self as inventory, InventoryFile, More};
use crate::inventory::lists;
use crate::nearest::nearest;
use crate::schedule::{CalendarDoc, Window, read_calendar, read_windows};
use crate::yaml::{Fault, Faults, FileId, MAX_BYTES, Node, NodeValue, Sources, Span, Spanned, parse};

/// Deepest folder that is looked into, and most files that are read.
const MAX_DEPTH: usize = 8;
const MAX_FILES: usize = 10_000;

/// Everything that stands in the files of a site, as written.
#[derive(Debug, Default)]
pub struct Site {
    /// The files.
    pub sources: Sources,
    /// Settings, when there is a file of them.
    pub settings: SettingsDoc,
    /// Inventories.
    pub inventories: Vec<InventoryFile>,
    /// Targets and groups of lists that inventories name.
    pub listed: Vec<inventory::Entry>,
    /// Groups of Ansible's lists.
    pub listed_groups: Vec<(String, Vec<String>)>,
    /// Calendars.
    pub calendars: Vec<CalendarDoc>,
    /// Windows.
    pub windows: Vec<Window>,
    /// Waivers.
    pub waivers: Vec<WaiverDoc>,
    /// Parts.
    pub parts: Vec<PartDoc>,
    /// Playbooks.
    pub playbooks: Vec<(FileId, PlaybookDoc)>,
    /// Files of tests, for `rounds test`.
    pub tests: Vec<FileId>,
    /// Files that ship with the program and were read because somebody asked for them or uses them.
    pub shipped: Vec<FileId>,
    settings_at: Option<Span>,
}

/// What the first key of a file can be.
const SORTS: [&str; 8] = ["settings", "inventory", "calendar", "windows", "waivers", "part", "playbook", "test"];

impl Site {
    /// Reads every `*.yaml` and `*.yml` below `folder`, hidden ones left out.
    pub fn read_folder(&mut self, folder: &Path, faults: &mut Faults) {
        let mut paths = Vec::new();
        if let Err(error) = collect(folder, 0, &mut paths) {
            self.note_unreadable(folder, &error, faults);
        }
        paths.sort();
        for path in paths {
            self.read_file(&path, faults);
        }
    }

    /// Reads one file of whichever sort, once.
    pub fn read_file(&mut self, path: &Path, faults: &mut Faults) {
        // `./daily.yaml` and `daily.yaml` are one file; read twice it would contradict itself.
        let same = |other: &Path| {
            other == path || other.file_name() == path.file_name() && real(other).is_some_and(|other| real(path) == Some(other))
        };
        if self.sources.iter().any(|(_, source)| same(&source.path)) {
            return;
        }
        match read_text(path) {
            Ok(text) => self.read_text(path, text, faults),
            Err(error) => self.note_unreadable(path, &error, faults),
        }
    }

    /// Reads a text as if it were the file `path`.
    pub fn read_text(&mut self, path: &Path, text: impl Into<std::sync::Arc<str>>, faults: &mut Faults) {
        let text = text.into();
        let file = self.sources.add(path, text.clone());
        let Some(root) = parse(file, &text, faults) else { return };
        self.take(file, &root, path.parent().unwrap_or(Path::new("")), faults);
    }

    /// Reads the playbook `id` that ships with the program.
    pub fn read_shipped(&mut self, id: &str, text: &'static str, faults: &mut Faults) {
        let path = PathBuf::from(format!("{id}.yaml"));
        self.shipped.push(FileId(u32::try_from(self.sources.iter().count()).unwrap_or(u32::MAX)));
        self.read_text(&path, text, faults);
    }

    /// Reads the playbooks that ship and are used by those read so far, unless the site has its own of that name.
    pub fn bring_shipped(&mut self, faults: &mut Faults) {
        loop {
            let lines = self.playbooks.iter().map(|(_, playbook)| &playbook.lines).chain(self.parts.iter().map(|part| &part.lines));
            let used = lines.flatten().filter_map(|line| match line {
                LineDoc::Use(used) => Some(used.of.value.as_str()),
                LineDoc::Check(_) => None,
            });
            let is_known = |id: &str| self.playbook(id).is_some() || self.parts.iter().any(|part| part.id.value == id);
            let missing = used.filter(|id| !is_known(id)).find_map(|id| Some((id.to_owned(), shipped::playbook(id)?)));
            let Some((id, text)) = missing else { return };
            self.read_shipped(&id, text, faults);
            // A shipped playbook that does not read would be looked for again and again.
            if self.playbook(&id).is_none() {
                return;
            }
        }
    }

    /// The playbook whose id is `id`.
    #[must_use]
    pub fn playbook(&self, id: &str) -> Option<&(FileId, PlaybookDoc)> {
        self.playbooks.iter().find(|(_, playbook)| playbook.id.value == id)
    }

    fn take(&mut self, file: FileId, root: &Node, folder: &Path, faults: &mut Faults) {
        let first = match &root.value {
            NodeValue::Map(entries) => entries.first().map(|(key, _)| key),
            _ => None,
        };
        let Some(first) = first else {
            faults.push(
                Fault::error(root.span, "a file of a site is a map").help(format!("its first key says what it is: {}", SORTS.join(", "))),
            );
            return;
        };
        match first.name.as_str() {
            "settings" => {
                if let Some(earlier) = self.settings_at {
                    faults.push(Fault::error(first.span, "a second file of settings").and_at(earlier, "the first one"));
                    return;
                }
                self.settings_at = Some(first.span);
                self.settings = read_settings(root, faults);
            }
            "inventory" => {
                let inventory = inventory::read(root, faults);
                for more in &inventory.more {
                    self.read_more(more, folder, faults);
                }
                self.inventories.push(inventory);
            }
            "calendar" => {
                self.calendars.extend(read_calendar(root, faults));
                refuse_twins("calendar", self.calendars.iter().map(|calendar| &calendar.id), faults);
            }
            "windows" => {
                self.windows.extend(read_windows(root, faults));
                refuse_twins("window", self.windows.iter().map(|window| &window.id), faults);
            }
            "waivers" => {
                self.waivers.extend(read_waivers(root, faults));
                refuse_twins("waiver", self.waivers.iter().map(|waiver| &waiver.id), faults);
            }
            "part" => {
                self.parts.extend(read_part(root, faults));
                refuse_twins("part", self.parts.iter().map(|part| &part.id), faults);
            }
            "playbook" => {
                if let Some(playbook) = read_playbook(root, faults) {
                    if let Some((_, other)) = self.playbook(&playbook.id.value) {
                        faults.push(
                            Fault::error(playbook.id.span, format!("the playbook `{}` stands twice", playbook.id.value))
                                .and_at(other.id.span, "first here"),
                        );
                    }
                    self.playbooks.push((file, playbook));
                }
            }
            // Read when tests are run: a slip in one must not keep a playbook from running.
            "test" => self.tests.push(file),
            other => {
                let misplaced = SORTS.iter().find(|sort| root.get(sort).is_some());
                let help = match (misplaced, nearest(other, SORTS)) {
                    (Some(sort), _) => format!("`{sort}:` must come first"),
                    (None, Some(near)) => format!("did you mean `{near}`?"),
                    (None, None) => format!("one of {}", SORTS.join(", ")),
                };
                faults
                    .push(Fault::error(first.span, format!("the first key says what a file is, and `{other}` is none of them")).help(help));
            }
        }
    }

    fn read_more(&mut self, more: &Spanned<More>, folder: &Path, faults: &mut Faults) {
        let (More::Csv(path) | More::Ansible(path)) = &more.value;
        let path = folder.join(path);
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(error) => {
                faults.push(Fault::error(more.span, format!("cannot read {}: {error}", path.display())));
                return;
            }
        };
        let file = self.sources.add(&path, text.as_str());
        match &more.value {
            More::Csv(_) => self.listed.extend(lists::read_csv(file, &text, faults)),
            More::Ansible(_) => {
                let (entries, groups) = lists::read_ansible(file, &text, faults);
                self.listed.extend(entries);
                self.listed_groups.extend(groups);
            }
        }
    }

    fn note_unreadable(&mut self, path: &Path, error: &std::io::Error, faults: &mut Faults) {
        let file = self.sources.add(path, "");
        faults.push(Fault::error(Span { file, start: 0, end: 0 }, format!("cannot read {}: {error}", path.display())));
    }
}

/// Of two things of one sort and id nobody could say which is meant.
fn refuse_twins<'d>(what: &str, ids: impl Iterator<Item = &'d Spanned<String>>, faults: &mut Faults) {
    let mut first: std::collections::HashMap<&str, Span> = std::collections::HashMap::new();
    for id in ids {
        if let Some(span) = first.insert(&id.value, id.span) {
            faults.push(Fault::error(id.span, format!("the {what} `{}` stands twice", id.value)).and_at(span, "first here"));
        }
    }
}

/// Where a file really is; `None` where there is none.
fn real(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

fn collect(folder: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if depth >= MAX_DEPTH {
                return Err(std::io::Error::other(format!("{} is more than {MAX_DEPTH} folders deep", path.display())));
            }
            collect(&path, depth + 1, paths)?;
        } else if paths.len() >= MAX_FILES {
            return Err(std::io::Error::other(format!("more than {MAX_FILES} files")));
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    Ok(())
}

/// The text of a file, its size judged before it is read.
fn read_text(path: &Path) -> std::io::Result<String> {
    let size = std::fs::metadata(path)?.len();
    if size > MAX_BYTES as u64 {
        return Err(std::io::Error::other(format!("{size} bytes is more than {} MiB", MAX_BYTES / 1024 / 1024)));
    }
    let bytes = std::fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::other(format!("byte {} is no UTF-8", error.utf8_error().valid_up_to())))
}
