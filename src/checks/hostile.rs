//! Tests over the whole catalogue: whatever a target answers instead of the truth, no check takes it for fine.

use std::collections::BTreeSet;

use super::CATALOGUE;
use super::testing::{folder, recorded, target};
use crate::check::{Bound, Parsed, Seen};
use crate::model::probe::FailKind;
use crate::model::{Capture, Ended};

fn recorded_names(id: &str) -> Vec<String> {
    let folder = folder(id);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".txt").map(str::to_owned)).collect();
    names.sort();
    names
}

/// Calls `use_it` with each check bound to its example parameters, for each file of its captures.
fn for_each_recording(mut use_it: impl FnMut(&dyn Bound, &str, &[Capture])) {
    for entry in CATALOGUE {
        let params = serde_json::from_str(entry.meta.example).unwrap();
        let bound = entry.bind(params).unwrap_or_else(|fault| panic!("{}: {fault:?}", entry.meta.id));
        let names = recorded_names(entry.meta.id);
        assert!(!names.is_empty(), "{} has no captures", entry.meta.id);
        for name in names {
            let recorded = recorded(entry.meta.id, &name);
            use_it(&*bound, &format!("{}/{name}", entry.meta.id), &recorded.captures);
        }
    }
}

fn parse(bound: &dyn Bound, captures: &[Capture]) -> Result<Parsed, crate::check::Unreadable> {
    let target = target(bound.meta().kinds[0]);
    bound.parse(&Seen { captures, at: captures[0].at, earlier: None, target: &target })
}

#[test]
fn answers_that_are_none_are_never_taken_for_one() {
    for_each_recording(|bound, name, captures| {
        for place in 0..captures.len() {
            let with = |out: &[u8], err: &[u8], ended: Ended, cut: bool| {
                let mut captures = captures.to_vec();
                captures[place] = Capture { out: out.to_vec(), err: err.to_vec(), ended, cut, ..captures[place].clone() };
                captures
            };
            let exit = |status| Ended::Exit { status };
            let good = &captures[place].out;
            let cases = [
                ("empty", with(b"", b"", exit(0), false)),
                ("blank", with(b"\n", b"", exit(0), false)),
                ("denied", with(b"", b"sh: 1: cannot open: Permission denied\n", exit(126), false)),
                ("not found", with(b"", b"sh: 1: nosuch: not found\n", exit(127), false)),
                ("sudo refused", with(b"", b"sudo: a password is required\n", exit(1), false)),
                ("cut by the cap", with(good, b"", exit(0), true)),
                ("timed out", with(&good[..good.len() / 2], b"", Ended::TimedOut { limit_ms: 1000 }, false)),
                ("killed", with(&good[..good.len() / 2], b"", exit(137), false)),
                ("refused", with(b"", b"", Ended::Failed { kind: FailKind::Permission, detail: "denied".into() }, false)),
            ];
            for (case, captures) in cases {
                let parsed = parse(bound, &captures);
                assert!(parsed.is_err(), "{name}: `{}` {case} gave {parsed:?}", captures[place].probe);
            }
        }
    });
}

#[test]
fn an_answer_broken_anywhere_never_panics() {
    for_each_recording(|bound, _, captures| {
        for place in 0..captures.len() {
            let mut broken = captures.to_vec();
            let whole = captures[place].out.clone();
            for end in (0..whole.len()).step_by(1 + whole.len() / 200) {
                broken[place].out = whole[..end].to_vec();
                let _ = parse(bound, &broken);
                broken[place].out = [&whole[..end], b"\xff\x1b[31m{{7*7}}$(reboot)<script>-9e999 \0" as &[u8], &whole[end..]].concat();
                let _ = parse(bound, &broken);
            }
        }
    });
}

#[test]
fn ids_are_those_of_the_files_and_used_once() {
    let mut ids = BTreeSet::new();
    for entry in CATALOGUE {
        let id = entry.meta.id;
        assert!(ids.insert(id), "{id} stands twice");
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks").join(format!("{}.rs", id.replace('-', "_")));
        assert!(file.exists(), "{} is missing", file.display());
    }
}

#[test]
fn keys_are_declared_fields_and_texts_are_complete() {
    for entry in CATALOGUE {
        let meta = entry.meta;
        let bound = entry.bind(serde_json::from_str(meta.example).unwrap()).unwrap();
        let fields = bound.fields();
        for key in bound.key() {
            assert!(fields.iter().any(|field| field.name == key), "{}: key {key} is no field", meta.id);
        }
        for text in [meta.title, meta.asks, meta.why, meta.advice, meta.source] {
            assert!(!text.en.is_empty() && !text.zh.is_empty(), "{} has an empty text", meta.id);
        }
    }
}

#[test]
fn the_rules_that_checks_bring_along_compile_against_their_fields() {
    use crate::expr::{Scope, Type, Vocabulary, compile, name_fault};
    for entry in CATALOGUE {
        let meta = entry.meta;
        let bound = entry.bind(serde_json::from_str(meta.example).unwrap()).unwrap();
        let fields = bound.fields();
        for field in fields.iter() {
            assert_eq!(name_fault(&field.name), None, "{}", meta.id);
        }
        let scope = Scope::row(&Vocabulary::default(), fields.iter().map(|field| (field.name.to_string(), field.field_type)));
        for rule in [meta.warn, meta.crit].into_iter().flatten() {
            if let Err(faults) = compile(rule, &scope, Type::Boolean) {
                panic!("{}: `{rule}`: {faults:?}", meta.id);
            }
        }
    }
}
