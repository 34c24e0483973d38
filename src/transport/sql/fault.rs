//! What servers say when they refuse, sorted into the few kinds that checks and people tell apart.

use sqlx::mysql::MySqlDatabaseError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use super::Access;
use crate::model::probe::FailKind;
use crate::model::{Message, Untrusted};
use crate::transport::{FailureKind, TransportError};

/// Why a statement gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server refused, or its answer cannot be taken.
    Failed {
        /// What kind of refusal.
        kind: FailKind,
        /// In the words of the server.
        detail: String,
    },
    /// The server ended the statement: by its own limit, or because somebody else stopped it.
    Stopped {
        /// In the words of the server.
        detail: String,
    },
    /// The line is gone.
    Lost {
        /// In the words of the driver.
        detail: String,
    },
}

impl Fault {
    /// A refusal that is none of the others.
    pub(super) fn other(detail: impl Into<String>) -> Self {
        Self::Failed { kind: FailKind::Other, detail: detail.into() }
    }

    /// A value that cannot be written as text.
    pub(super) fn value(column: &str, type_name: &str, why: &str) -> Self {
        Self::other(format!("column `{}` of type {type_name}: {why}", column.to_lowercase()))
    }

    /// What the driver reports while a statement runs.
    pub(super) fn from_driver(error: &sqlx::Error) -> Self {
        let sqlx::Error::Database(database) = error else {
            return match error {
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
                    Self::other(error.to_string())
                }
                _ => Self::Lost { detail: error.to_string() },
            };
        };
        let detail = database.message().to_owned();
        if let Some(postgres) = database.try_downcast_ref::<PgDatabaseError>() {
            return Self::postgres(postgres.code(), detail);
        }
        match database.try_downcast_ref::<MySqlDatabaseError>() {
            Some(mysql) => Self::mysql(mysql.number(), detail),
            None => Self::sqlite(database.code().as_deref(), detail),
        }
    }

    fn postgres(code: &str, detail: String) -> Self {
        match code {
            "42501" => Self::Failed { kind: FailKind::Permission, detail },
            "42P01" | "42883" | "3D000" | "3F000" | "42704" => Self::Failed { kind: FailKind::Missing, detail },
            "57014" | "55P03" => Self::Stopped { detail },
            // Class 08 is a broken line, 57P01 to 57P05 a server that goes away.
            _ if code.starts_with("08") || code.starts_with("57P") => Self::Lost { detail },
            _ => Self::other(detail),
        }
    }

    fn mysql(number: u16, detail: String) -> Self {
        match number {
            1044 | 1045 | 1142 | 1143 | 1227 | 1345 | 1370 | 1611 => Self::Failed { kind: FailKind::Permission, detail },
            1049 | 1146 | 1305 => Self::Failed { kind: FailKind::Missing, detail },
            // 1317 is a statement that was killed; the caller knows whether its limit had passed.
            1205 | 1317 | 1969 | 3024 => Self::Stopped { detail },
            1053 | 1077 | 1927 | 4031 => Self::Lost { detail },
            _ => Self::other(detail),
        }
    }

    fn sqlite(code: Option<&str>, detail: String) -> Self {
        match code {
            // 9 is our own interruption; 5 and 6 are a file that others keep locked.
            Some("9" | "5" | "6" | "261" | "517") => Self::Stopped { detail },
            Some("3" | "23") => Self::Failed { kind: FailKind::Permission, detail },
            _ if detail.starts_with("no such table") || detail.starts_with("no such function") => {
                Self::Failed { kind: FailKind::Missing, detail }
            }
            _ => Self::other(detail),
        }
    }

    /// The fault with a remedy, where a right is missing: the statement's own grants, with the account's name in them.
    pub(super) fn with_remedy(self, grants: &[&str], user: &str) -> Self {
        match self {
            Self::Failed { kind: FailKind::Permission, detail } => {
                let remedy = if grants.is_empty() {
                    format!("a right that `{user}` lacks; let its owner GRANT it")
                } else {
                    grants.iter().map(|grant| grant.replace("{user}", user)).collect::<Vec<_>>().join("; ")
                };
                Self::Failed { kind: FailKind::Permission, detail: format!("{remedy} ({detail})") }
            }
            other => other,
        }
    }
}

/// What the driver reports while logging in.
pub(super) fn login(error: &sqlx::Error, access: &Access) -> TransportError {
    let place = access.place();
    match error {
        sqlx::Error::Database(database) => {
            let detail = Untrusted::new(database.message());
            let code = database.code();
            if database.try_downcast_ref::<SqliteError>().is_some() {
                // 26 is a file that is no database; anything else keeps it from being opened.
                return if code.as_deref() == Some("26") {
                    TransportError::new(FailureKind::Protocol, Message::Protocol { detail })
                } else {
                    TransportError::new(FailureKind::Refused, Message::Refused { place, detail })
                };
            }
            let busy = match database.try_downcast_ref::<MySqlDatabaseError>() {
                Some(mysql) => matches!(mysql.number(), 1040 | 1053 | 1203 | 1226),
                // Too many clients, or a server that starts up or shuts down.
                None => matches!(code.as_deref(), Some("53300" | "57P03" | "57P01")),
            };
            if busy {
                return TransportError::new(FailureKind::Refused, Message::Refused { place, detail });
            }
            TransportError::new(FailureKind::LoginRefused, Message::LoginRefused { user: access.user.clone(), detail })
        }
        sqlx::Error::Io(io) => match io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(tls) => tls_failure(tls, access),
            None if is_hangup(io) => {
                TransportError::new(FailureKind::CutOff, Message::CutOff { detail: format!("while logging in: {io}").into() })
            }
            None => TransportError::new(FailureKind::Protocol, Message::Protocol { detail: io.to_string().into() }),
        },
        sqlx::Error::Tls(tls) => {
            let text = tls.to_string();
            if text.contains("does not support TLS") {
                let detail = format!("{place} offers no TLS; set it up there, or accept the risk with `tls: disable`");
                return TransportError::new(FailureKind::Identity, Message::Identity { detail });
            }
            match tls.downcast_ref::<rustls::Error>() {
                Some(tls) => tls_failure(tls, access),
                None => TransportError::new(FailureKind::OurSide, Message::OurSide { detail: text }),
            }
        }
        sqlx::Error::Configuration(why) if why.to_string().contains("RSA auth backend") => {
            let detail = format!("{place} wants the password over TLS: set `tls: verify-full`, or `require`");
            TransportError::new(FailureKind::OurSide, Message::OurSide { detail })
        }
        sqlx::Error::Configuration(_) => TransportError::new(FailureKind::OurSide, Message::OurSide { detail: error.to_string() }),
        _ => TransportError::new(FailureKind::Protocol, Message::Protocol { detail: error.to_string().into() }),
    }
}

fn is_hangup(io: &std::io::Error) -> bool {
    use std::io::ErrorKind as E;
    matches!(io.kind(), E::UnexpectedEof | E::ConnectionReset | E::ConnectionAborted | E::BrokenPipe | E::NotConnected)
}

fn tls_failure(error: &rustls::Error, access: &Access) -> TransportError {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            let advice = match why {
                rustls::CertificateError::UnknownIssuer => "; name its authority with `ca:`",
                rustls::CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                    "; the server shows an authority's certificate: let the authority sign one for the server"
                }
                _ => "",
            };
            let detail = format!("the certificate of {} is refused: {why}{advice}", access.place());
            TransportError::new(FailureKind::Identity, Message::Identity { detail })
        }
        other => TransportError::new(FailureKind::Protocol, Message::Protocol { detail: other.to_string().into() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_right_names_the_grant() {
        let fault = Fault::postgres("42501", "permission denied for table t".into()).with_remedy(&["GRANT pg_monitor TO {user}"], "ro");
        let Fault::Failed { kind: FailKind::Permission, detail } = fault else { panic!("{fault:?}") };
        assert_eq!(detail, "GRANT pg_monitor TO ro (permission denied for table t)");
    }

    #[test]
    fn a_missing_column_is_not_a_missing_table() {
        assert!(matches!(Fault::postgres("42703", String::new()), Fault::Failed { kind: FailKind::Other, .. }));
        assert!(matches!(Fault::mysql(1054, String::new()), Fault::Failed { kind: FailKind::Other, .. }));
        assert!(matches!(Fault::mysql(1146, String::new()), Fault::Failed { kind: FailKind::Missing, .. }));
    }
}
