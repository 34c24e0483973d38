//! What expires: moments of expiry that the rows of a run hold, found by the names that checks give such fields.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::{ItemRecord, RowRecord, Text, Value};

/// Fields that hold the moment of an end.
const MOMENTS: [&str; 6] = ["not_after", "expires", "expires_at", "valid_until", "password_expires", "password_expires_at"];
/// Fields that hold the time left.
const LEFT: [&str; 4] = ["expires_in", "left", "remaining", "password_expires_in"];

/// What sort of thing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A certificate.
    Certificate,
    /// A password or an account.
    Password,
    /// A licence.
    Licence,
    /// A waiver.
    Waiver,
    /// Something else.
    Other,
}

impl Ending {
    /// In words.
    #[must_use]
    pub const fn label(self) -> Text {
        match self {
            Self::Certificate => Text::new("Certificate", "证书"),
            Self::Password => Text::new("Password or account", "密码/账号"),
            Self::Licence => Text::new("Licence", "许可证"),
            Self::Waiver => Text::new("Waiver", "豁免"),
            Self::Other => Text::new("Other", "其他"),
        }
    }

    fn of_check(check: &str) -> Self {
        if check.contains("cert") {
            Self::Certificate
        } else if check.contains("account") || check.contains("password") || check.contains("user") {
            Self::Password
        } else if check.contains("licen") {
            Self::Licence
        } else {
            Self::Other
        }
    }
}

/// When what `row` speaks of ends, where it says so.
#[must_use]
pub fn ending(item: &ItemRecord, row: &RowRecord) -> Option<(Ending, DateTime<Utc>)> {
    let what = Ending::of_check(&item.check);
    for name in MOMENTS {
        if let Some(Value::Timestamp(at)) = row.row.get(name) {
            return Some((what, *at));
        }
    }
    // `left` and its like may speak of other things elsewhere: they count for checks of things that expire.
    if what == Ending::Other {
        return None;
    }
    for name in LEFT {
        if let Some(Value::Duration(seconds)) = row.row.get(name) {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a cast of a double saturates, and a hundred years are far below its limit"
            )]
            let left = TimeDelta::try_seconds(*seconds as i64)?;
            return item.at.checked_add_signed(left).map(|at| (what, at));
        }
    }
    None
}
