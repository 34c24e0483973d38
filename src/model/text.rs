//! Text in the two languages of the product: complete at compile time (`Text`), or as a user wrote it (`Phrase`).

use serde::{Deserialize, Serialize};

/// A language that reports, messages and pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

impl Lang {
    /// Every language, in the order in which they are listed.
    pub const ALL: [Self; 2] = [Self::En, Self::Zh];

    /// The BCP 47 code, as in `<html lang>`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Zh => "zh",
        }
    }

    /// The language of a code such as `en`, `zh` or `zh-CN`.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        match code.split(['-', '_']).next()? {
            "en" => Some(Self::En),
            "zh" => Some(Self::Zh),
            _ => None,
        }
    }
}

/// Our own text, in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// Simplified Chinese.
    pub zh: &'static str,
}

impl Text {
    /// Both languages of one text; the compiler sees to it that neither is forgotten.
    #[must_use]
    pub const fn new(en: &'static str, zh: &'static str) -> Self {
        Self { en, zh }
    }

    /// The text in `lang`.
    #[must_use]
    pub const fn get(self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

/// Text that a user wrote, in one language or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phrase {
    /// English, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
    /// Simplified Chinese, where given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zh: Option<String>,
}

impl Phrase {
    /// One text that stands for both languages.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { en: Some(text.clone()), zh: Some(text) }
    }

    /// The text in `lang`, or in the other language rather than none; empty only when nothing was written.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        let (first, second) = match lang {
            Lang::En => (&self.en, &self.zh),
            Lang::Zh => (&self.zh, &self.en),
        };
        first.as_deref().or(second.as_deref()).unwrap_or_default()
    }

    /// Whether nothing was written in either language.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.get(Lang::En).is_empty()
    }
}

impl From<Text> for Phrase {
    fn from(text: Text) -> Self {
        Self { en: Some(text.en.to_owned()), zh: Some(text.zh.to_owned()) }
    }
}
