//! HTML: handlebars in strict mode over the view's JSON.

use std::collections::BTreeMap;

use handlebars::Handlebars;
use serde_json::Value;

use super::lint::{lint, part_name};

/// Draws `data` with the template `main`; `templates` are the files of its folder by name.
///
/// # Errors
/// When a template is refused, or asks for what the data does not have.
pub fn draw(templates: &BTreeMap<String, String>, main: &str, data: &Value) -> Result<Vec<u8>, String> {
    let compiled = lint(templates).map_err(|error| error.to_string())?;
    let mut handlebars = Handlebars::new();
    handlebars.set_strict_mode(true);
    handlebars.set_recursive_lookup(false);
    for (name, template) in compiled {
        handlebars.register_template(name, template);
    }
    handlebars.render(part_name(main), data).map(String::into_bytes).map_err(|error| format!("{main}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("a.html.hbs".to_owned(), text.to_owned())])
    }

    #[test]
    fn markup_in_data_stays_text() {
        let data = serde_json::json!({ "x": "<script>alert(1)</script>{{7*7}}" });
        let html = String::from_utf8(draw(&one("<p>{{x}}</p>"), "a.html.hbs", &data).unwrap()).unwrap();
        assert_eq!(html, "<p>&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}</p>");
    }

    #[test]
    fn a_name_that_the_data_does_not_have_is_an_error() {
        let error = draw(&one("{{titel}}"), "a.html.hbs", &serde_json::json!({ "title": "x" })).unwrap_err();
        assert!(error.contains("titel"), "{error}");
    }
}
