//! Tests over every statement of the catalogue: one statement that reads, and one that every declared version can be asked.

use super::CATALOGUE;
use super::testing::target;
use crate::model::Kind;
use crate::model::probe::{Ask, Dialect, SqlAsk};
use crate::read_only::read_only;

/// Calls `use_it` with each question to a database in the catalogue.
fn for_each_question(mut use_it: impl FnMut(&str, Kind, &SqlAsk)) {
    for entry in CATALOGUE {
        let bound = entry.bind(serde_json::from_str(entry.meta.example).unwrap()).unwrap();
        for &kind in entry.meta.kinds {
            for probe in bound.probes(&target(kind)) {
                if let Ask::Sql(ask) = &probe.ask {
                    use_it(&format!("{} {}", entry.meta.id, probe.name), kind, ask);
                }
            }
        }
    }
}

#[test]
fn every_variant_is_one_statement_that_reads() {
    let mut seen = 0;
    for_each_question(|name, _, ask| {
        for variant in &ask.variants {
            seen += 1;
            let read = read_only(&variant.statement).unwrap_or_else(|refused| panic!("{name}: {refused}\n{}", variant.statement));
            assert_eq!(read.statement, variant.statement, "{name}");
            let given: Vec<&str> = ask.binds.iter().map(|(bind, _)| bind.as_str()).collect();
            assert_eq!(read.binds, given, "{name}");
        }
    });
    assert!(seen > 50, "only {seen} statements");
}

#[test]
fn a_newer_variant_stands_before_an_older_one() {
    for_each_question(|name, _, ask| {
        for pair in ask.variants.windows(2).filter(|pair| pair[0].dialect == pair[1].dialect) {
            assert!(pair[0].since > pair[1].since, "{name}: {} before {}", pair[0].since, pair[1].since);
        }
    });
}

#[test]
fn every_kind_has_variants_of_its_dialects_and_no_others() {
    for_each_question(|name, kind, ask| {
        let dialects: &[Dialect] = match kind {
            Kind::Postgres => &[Dialect::Postgres],
            Kind::Mysql => &[Dialect::Mysql, Dialect::Mariadb],
            _ => &[Dialect::Sqlite],
        };
        for dialect in dialects {
            assert!(ask.variants.iter().any(|variant| variant.dialect == *dialect), "{name} has none for {dialect:?}");
        }
        assert!(ask.variants.iter().all(|variant| dialects.contains(&variant.dialect)), "{name}");
    });
}

#[test]
fn rights_are_statements_with_a_place_for_the_account() {
    for_each_question(|name, _, ask| {
        for grant in ask.variants.iter().flat_map(|variant| variant.grants) {
            assert!(grant.starts_with("GRANT ") && grant.ends_with(" TO {user}"), "{name}: {grant}");
        }
    });
}
