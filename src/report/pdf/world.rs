//! All that a template of a PDF can see: the templates of its folder, the data and the embedded fonts. No disk, no clock, no net.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike as _, FixedOffset};
use typst::diag::{FileError, FileResult};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World};

use super::fonts::FONTS;

/// The path under which a template finds the data.
const DATA: &str = "data.json";

pub(super) struct Sealed {
    library: LazyHash<Library>,
    main: FileId,
    files: BTreeMap<String, Bytes>,
    today: DateTime<FixedOffset>,
}

impl Sealed {
    /// A world of `templates` (by file name) and `data`, at the moment `today`; `main` names the template to begin with.
    pub(super) fn new(templates: &BTreeMap<String, String>, main: &str, data: Vec<u8>, today: DateTime<FixedOffset>) -> Option<Self> {
        let mut files: BTreeMap<String, Bytes> =
            templates.iter().map(|(name, text)| (name.clone(), Bytes::from_string(text.clone()))).collect();
        files.insert(DATA.to_owned(), Bytes::new(data));
        let path = VirtualPath::new(main).ok()?;
        Some(Self {
            library: LazyHash::new(Library::default()),
            main: FileId::new(RootedPath::new(VirtualRoot::Project, path)),
            files,
            today,
        })
    }

    fn bytes(&self, id: FileId) -> FileResult<Bytes> {
        let path = id.vpath().get_without_slash();
        // Packages would have to come from the net or the disk.
        if !matches!(id.root(), VirtualRoot::Project) {
            return Err(FileError::AccessDenied);
        }
        self.files.get(path).cloned().ok_or_else(|| FileError::NotFound(path.into()))
    }
}

impl World for Sealed {
    fn library(&self) -> &LazyHash<Library> {
        &self.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &FONTS.book
    }

    fn main(&self) -> FileId {
        self.main
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let bytes = self.bytes(id)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| FileError::InvalidUtf8)?;
        Ok(Source::new(id, text.to_owned()))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        self.bytes(id)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.fonts.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        let month = u8::try_from(self.today.month()).ok()?;
        let day = u8::try_from(self.today.day()).ok()?;
        Datetime::from_ymd(self.today.year(), month, day)
    }
}
