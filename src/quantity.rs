//! Parameters with units: what `with:` of a playbook takes as `5m`, `20GiB` or `80%`.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::unit::{self, Literal};

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $example:literal, $pattern:literal, $show:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
        pub struct $name(pub f64);

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = match serde_json::Value::deserialize(deserializer)? {
                    serde_json::Value::String(text) => text,
                    other => other.to_string(),
                };
                match unit::parse(&text) {
                    Ok(Literal::$variant(number)) => Ok(Self(number)),
                    Ok(Literal::Number(_)) => Err(D::Error::custom(format!(concat!("{} what? write it with its unit, such as ", $example), text))),
                    Ok(_) => Err(D::Error::custom(format!(concat!("`{}` has the wrong unit, write it like ", $example), text))),
                    Err(error) => Err(D::Error::custom(format!("`{text}`: {error}"))),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let show: fn(f64) -> String = $show;
                show(self.0).serialize(serializer)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    };
}

quantity! {
    /// A length of time in seconds, written `30s`, `1d2h`.
    Seconds, Duration, "30s", r"^([0-9]+(\.[0-9]+)?(ms|s|m|h|d|w))+$", |seconds| {
        if seconds >= 1.0 { unit::show_duration(seconds).replace(' ', "") } else { format!("{}ms", seconds * 1000.0) }
    }
}

quantity! {
    /// An amount of bytes, written `20GiB`, `500MB`.
    Bytes, Bytes, "20GiB", r"^[0-9]+(\.[0-9]+)?(B|[kMGTP]B|[KMGTP]iB)$", |bytes| unit::show_bytes(bytes).replace(' ', "")
}

quantity! {
    /// A share, 0 to 100, written `80%`.
    Percent, Percent, "80%", r"^[0-9]+(\.[0-9]+)?%$", |percent| format!("{percent}%")
}

impl Seconds {
    /// As a duration; negative is zero.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs_f64(self.0.max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_asks_for_its_unit() {
        let error = serde_json::from_str::<Seconds>("\"30\"").unwrap_err().to_string();
        assert!(error.contains("30 what?"), "{error}");
        assert_eq!(serde_json::from_str::<Seconds>("\"1d2h\"").unwrap(), Seconds(93_600.0));
    }

    #[test]
    fn what_is_written_reads_back() {
        for seconds in [0.25, 2.0, 90.0, 86_400.0] {
            let text = serde_json::to_string(&Seconds(seconds)).unwrap();
            assert_eq!(serde_json::from_str::<Seconds>(&text).unwrap(), Seconds(seconds), "{text}");
        }
    }
}
