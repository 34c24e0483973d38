//! What a user's HTML template may not do: write data without escaping it, or take parts from elsewhere.

use std::collections::BTreeMap;

use handlebars::Template;
use handlebars::template::{DecoratorTemplate, HelperTemplate, Parameter, TemplateElement};

use super::templates::is_a;

/// Why a template is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LintError {
    /// It is no template at all.
    #[error("{file}: {message}")]
    Syntax {
        /// Which file.
        file: String,
        /// What is wrong, with line and column.
        message: String,
    },
    /// `{{{x}}}` or `{{&x}}`: text from targets would become markup.
    #[error("{file}: `{{{{{{…}}}}}}` and `{{{{&…}}}}` write text from targets as markup; write `{{{{…}}}}`")]
    Unescaped {
        /// Which file.
        file: String,
    },
    /// A part that is not in the same folder.
    #[error("{file}: the part `{part}` is not in its folder; parts are files `{part}.html.hbs` beside the template")]
    UnknownPart {
        /// Which file.
        file: String,
        /// Which part.
        part: String,
    },
    /// A form of template that we do not know.
    #[error("{file}: uses a form of template that is not supported")]
    Unknown {
        /// Which file.
        file: String,
    },
    /// A part whose name is computed from data.
    #[error("{file}: the name of a part must be written out, it cannot come from data")]
    ComputedPart {
        /// Which file.
        file: String,
    },
}

/// Checks the HTML templates of a folder, by file name, and gives them compiled, by the name under which they are called.
///
/// # Errors
/// With the first thing that is refused.
pub fn lint(templates: &BTreeMap<String, String>) -> Result<Vec<(&str, Template)>, LintError> {
    let mut compiled = Vec::new();
    for (file, text) in templates.iter().filter(|(file, _)| is_a("hbs", file)) {
        let template = Template::compile_with_name(text, part_name(file).to_owned())
            .map_err(|error| LintError::Syntax { file: file.clone(), message: error.to_string() })?;
        Linter { file, templates }.template(&template)?;
        compiled.push((part_name(file), template));
    }
    Ok(compiled)
}

/// The name under which a part is called: its file's, without the ending.
#[must_use]
pub fn part_name(file: &str) -> &str {
    file.strip_suffix(".html.hbs").or_else(|| file.strip_suffix(".hbs")).unwrap_or(file)
}

struct Linter<'a> {
    file: &'a str,
    templates: &'a BTreeMap<String, String>,
}

impl Linter<'_> {
    fn template(&self, template: &Template) -> Result<(), LintError> {
        template.elements.iter().try_for_each(|element| self.element(element))
    }

    fn element(&self, element: &TemplateElement) -> Result<(), LintError> {
        match element {
            TemplateElement::HtmlExpression(_) => Err(LintError::Unescaped { file: self.file.to_owned() }),
            TemplateElement::HelperBlock(helper) | TemplateElement::Expression(helper) => self.helper(helper),
            TemplateElement::PartialExpression(part) | TemplateElement::PartialBlock(part) => self.part(part),
            TemplateElement::DecoratorBlock(decorator) | TemplateElement::DecoratorExpression(decorator) => {
                decorator.template.as_ref().map_or(Ok(()), |template| self.template(template))
            }
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => Ok(()),
            // What we do not know we cannot vouch for.
            _ => Err(LintError::Unknown { file: self.file.to_owned() }),
        }
    }

    fn helper(&self, helper: &HelperTemplate) -> Result<(), LintError> {
        helper.template.iter().chain(&helper.inverse).try_for_each(|template| self.template(template))
    }

    fn part(&self, part: &DecoratorTemplate) -> Result<(), LintError> {
        let Parameter::Name(name) = &part.name else { return Err(LintError::ComputedPart { file: self.file.to_owned() }) };
        if !self.templates.keys().any(|file| part_name(file) == name) && name != "@partial-block" {
            return Err(LintError::UnknownPart { file: self.file.to_owned(), part: name.clone() });
        }
        part.template.as_ref().map_or(Ok(()), |template| self.template(template))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(), LintError> {
        lint(&BTreeMap::from([("a.html.hbs".to_owned(), text.to_owned()), ("part.html.hbs".to_owned(), "x".to_owned())])).map(|_| ())
    }

    #[test]
    fn data_is_written_escaped_or_not_at_all() {
        assert_eq!(check("{{x}} {{#each y}}{{this}}{{else}}{{z}}{{/each}}"), Ok(()));
        for text in ["{{{x}}}", "{{&x}}", "{{~{x}~}}", "{{#if a}}{{else}}{{& x}}{{/if}}", "{{#each a}}{{#with b}}{{{c}}}{{/with}}{{/each}}"]
        {
            assert!(check(text).is_err(), "{text}");
        }
    }

    #[test]
    fn parts_come_from_the_same_folder_by_a_written_name() {
        assert_eq!(check("{{> part}}"), Ok(()));
        assert!(matches!(check("{{> other}}"), Err(LintError::UnknownPart { .. })));
        assert!(check("{{> ../part}}").is_err());
        assert!(check("{{> (lookup . 'x')}}").is_err());
    }

    #[test]
    fn a_slip_is_told_with_its_file() {
        let message = check("{{#if a}}").unwrap_err().to_string();
        assert!(message.starts_with("a.html.hbs: "), "{message}");
    }
}
