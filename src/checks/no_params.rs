//! The parameters of a check that has none.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing can be set; a key under `with:` is refused.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}
