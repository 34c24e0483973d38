//! Masks secrets in everything that is stored, in every form in which they travel.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use super::template::{form_encoded, percent_encoded};

/// What stands where a secret was.
const MASK: &str = "***";

/// Shortest value kept from an answer that is masked: session tokens are longer, order numbers are shorter.
const TOKEN_CHARS: usize = 16;

/// The texts to be masked, longest first, so that none is cut by a part of it.
#[derive(Debug, Default)]
pub(super) struct Masker {
    texts: Vec<String>,
}

impl Masker {
    /// Masks `secret` from now on.
    pub(super) fn secret(&mut self, secret: &str) {
        if secret.is_empty() {
            return;
        }
        let json = serde_json::to_string(secret).unwrap_or_default();
        let html = secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        let forms = [
            secret.to_owned(),
            percent_encoded(secret),
            percent_encoded(secret).to_lowercase(),
            form_encoded(secret),
            json.trim_matches('"').to_owned(),
            json.trim_matches('"').replace('/', "\\/"),
            html.replace('\'', "&#39;"),
            html,
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
        ];
        self.texts.extend(forms.into_iter().filter(|form| !form.is_empty()));
        self.texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        self.texts.dedup();
    }

    /// Masks `value`, kept from an answer, where it is long enough to be a token.
    pub(super) fn kept(&mut self, value: &str) {
        if value.chars().count() >= TOKEN_CHARS {
            self.secret(value);
        }
    }

    /// `text` with every secret masked.
    pub(super) fn mask(&self, text: &str) -> String {
        self.texts
            .iter()
            .fold(text.to_owned(), |text, secret| if text.contains(secret.as_str()) { text.replace(secret.as_str(), MASK) } else { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_masked_in_every_form() {
        let mut masker = Masker::default();
        masker.secret("p&w \"厂/1");
        let url = format!("https://x/?pw={}", percent_encoded("p&w \"厂/1"));
        let json = serde_json::json!({ "pw": "p&w \"厂/1" }).to_string();
        let basic = format!("Basic {}", STANDARD.encode("p&w \"厂/1"));
        for text in [url.as_str(), &url.to_lowercase(), &json, &basic, "p&amp;w &quot;厂/1", "pw=p%26w+%22%E5%8E%82%2F1"] {
            let stored = masker.mask(text);
            assert!(stored.contains(MASK) && !stored.contains("p&w") && !stored.to_lowercase().contains("%e5%8e%82"), "{text} -> {stored}");
        }
    }

    #[test]
    fn short_kept_values_stay_readable() {
        let mut masker = Masker::default();
        masker.kept("1042");
        masker.kept("eyJhbGciOiJIUzI1NiJ9");
        assert_eq!(masker.mask("order 1042 eyJhbGciOiJIUzI1NiJ9"), "order 1042 ***");
    }
}
