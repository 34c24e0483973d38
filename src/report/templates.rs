//! The templates: ours, or a folder of the user's that replaces them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::lint::{LintError, lint};

/// File names of the templates of a run's report.
pub const HTML: &str = "inspection.html.hbs";
/// See [`HTML`].
pub const PDF: &str = "inspection.typ";
/// The red page; nobody can replace it.
pub const RED_HTML: &str = "red.html.hbs";
/// See [`RED_HTML`].
pub const RED_PDF: &str = "red.typ";

/// Largest template file.
const LARGEST_BYTES: u64 = 1 << 20;
/// Most files of a folder.
const MOST_FILES: usize = 64;

/// Templates by file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Templates {
    files: BTreeMap<String, String>,
}

/// Why a folder of templates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplatesError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is too large, or there are too many.
    #[error("{} holds more than templates should: at most {MOST_FILES} files of 1 MiB each", path.display())]
    TooMuch {
        /// Which.
        path: PathBuf,
    },
    /// A template does what it may not.
    #[error(transparent)]
    Lint(#[from] LintError),
}

impl Default for Templates {
    fn default() -> Self {
        let files = [
            (HTML, include_str!("../../report-templates/inspection.html.hbs")),
            (PDF, include_str!("../../report-templates/inspection.typ")),
        ];
        Self { files: files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect() }
    }
}

impl Templates {
    /// Ours, with the files of `folder` in their place or beside them (parts, other typst files).
    ///
    /// # Errors
    /// When the folder cannot be read, or a template of it is refused.
    pub fn from_folder(folder: &Path) -> Result<Self, TemplatesError> {
        let mut templates = Self::default();
        let read = |path: &Path, source| TemplatesError::Read { path: path.to_owned(), source };
        let entries = std::fs::read_dir(folder).map_err(|source| read(folder, source))?;
        for entry in entries {
            let entry = entry.map_err(|source| read(folder, source))?;
            let path = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            let metadata = std::fs::metadata(&path).map_err(|source| read(&path, source))?;
            if !metadata.is_file() || !["hbs", "typ"].iter().any(|kind| is_a(kind, &name)) {
                continue;
            }
            if metadata.len() > LARGEST_BYTES || templates.files.len() >= MOST_FILES {
                return Err(TemplatesError::TooMuch { path });
            }
            let text = std::fs::read_to_string(&path).map_err(|source| read(&path, source))?;
            templates.files.insert(name, text);
        }
        lint(&templates.files)?;
        Ok(templates)
    }

    /// The same with one file replaced, for trying a template before it is saved.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.insert(name.into(), text.into());
        self
    }

    /// The files of a kind: `hbs` or `typ`.
    #[must_use]
    pub fn of_kind(&self, kind: &str) -> BTreeMap<String, String> {
        self.files.iter().filter(|(name, _)| is_a(kind, name)).map(|(name, text)| (name.clone(), text.clone())).collect()
    }

    /// The templates of the red page.
    #[must_use]
    pub fn red() -> Self {
        let files =
            [(RED_HTML, include_str!("../../report-templates/red.html.hbs")), (RED_PDF, include_str!("../../report-templates/red.typ"))];
        Self { files: files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect() }
    }
}

/// Whether a file's name ends as the templates of a kind do.
pub(super) fn is_a(kind: &str, name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == kind)
}
