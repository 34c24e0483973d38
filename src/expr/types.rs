//! The types of expressions.

use crate::model::FieldType;

/// What an expression gives. Quantities of different kinds never mix, though all of them are doubles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Text.
    Text,
    /// A plain number.
    Number,
    /// A share, 0 to 100.
    Percent,
    /// An amount of bytes.
    Bytes,
    /// A length of time.
    Duration,
    /// A moment.
    Timestamp,
    /// Yes or no.
    Boolean,
    /// A list of values of one type.
    List(Box<Type>),
    /// Rows of a check.
    Rows,
    /// One row, as a loop names it.
    Row,
    /// The word `null`.
    Null,
    /// Not known because of a fault already reported.
    Unknown,
}

impl Type {
    /// With its article, for messages.
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Text => "text".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Percent => "a percent".to_owned(),
            Self::Bytes => "an amount of bytes".to_owned(),
            Self::Duration => "a length of time".to_owned(),
            Self::Timestamp => "a moment".to_owned(),
            Self::Boolean => "a yes or no".to_owned(),
            Self::List(of) => format!("a list, each of them {}", of.noun()),
            Self::Rows => "a list of rows".to_owned(),
            Self::Row => "a row".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Unknown => "unknown".to_owned(),
        }
    }

    /// Whether it is a quantity: something that can be added, compared in size, and averaged.
    pub(super) const fn is_quantity(&self) -> bool {
        matches!(self, Self::Number | Self::Percent | Self::Bytes | Self::Duration)
    }

    /// Whether values of it have a size: quantities and moments.
    pub(super) const fn is_ordered(&self) -> bool {
        self.is_quantity() || matches!(self, Self::Timestamp)
    }

    /// Whether values of it can be told apart by `==`.
    pub(super) const fn has_equality(&self) -> bool {
        self.is_ordered() || matches!(self, Self::Text | Self::Boolean)
    }
}

impl From<FieldType> for Type {
    fn from(field: FieldType) -> Self {
        match field {
            FieldType::Text => Self::Text,
            FieldType::Number => Self::Number,
            FieldType::Percent => Self::Percent,
            FieldType::Bytes => Self::Bytes,
            FieldType::Duration => Self::Duration,
            FieldType::Timestamp => Self::Timestamp,
            FieldType::Boolean => Self::Boolean,
            FieldType::List => Self::List(Box::new(Self::Text)),
        }
    }
}
