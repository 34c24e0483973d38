//! Holds the layers that `src/lib.rs` declares: no module imports a higher one, and none in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Layers = BTreeMap<String, u32>;
/// Importing module, imported module, and a file that shows it.
type Imports = BTreeMap<(String, String), PathBuf>;

#[test]
fn every_module_of_the_crate_has_a_layer() {
    let layers = layers();
    let found: BTreeSet<String> = sources().iter().map(|file| module_of(file)).filter(|name| name != "lib" && name != "main").collect();
    let declared: BTreeSet<String> = layers.keys().cloned().collect();
    assert_eq!(found, declared);
}

#[test]
fn the_table_in_the_crate_docs_is_the_order_of_the_modules() {
    let table: Layers = lib_rs()
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .filter_map(|row| {
            let layer: u32 = row.split(' ').next()?.parse().ok()?;
            Some((layer, row))
        })
        .flat_map(|(layer, row)| names_in_links(row).into_iter().map(move |name| (name, layer)))
        .collect();
    assert_eq!(table, layers());
}

#[test]
fn no_module_imports_a_higher_layer() {
    let layers = layers();
    let upward: Vec<String> = imports(&layers)
        .into_iter()
        .filter(|((from, to), _)| layers[from] < layers[to])
        .map(|((from, to), file)| format!("{from} ({}) imports {to} ({}): {}", layers[&from], layers[&to], file.display()))
        .collect();
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut left = imports(&layers());
    // Whoever imports nothing that is left is in no circle; what remains in the end is.
    loop {
        let importing: BTreeSet<String> = left.keys().map(|(from, _)| from.clone()).collect();
        let before = left.len();
        left.retain(|(_, to), _| importing.contains(to));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "in a circle, or on the way into one: {left:#?}");
}

#[test]
fn no_file_leaves_its_module_by_super() {
    let leaving: Vec<String> = sources()
        .iter()
        .filter(|file| {
            let depth = depth_of(file);
            code_of(file)
                .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
                .any(|path| path.matches("super::").count() >= depth)
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(leaving.is_empty(), "write crate:: instead: {}", leaving.join(", "));
}

#[test]
fn imports_are_seen_in_every_form() {
    let text = "use crate::model::Item;\nuse crate::{check::Check, yaml::{Node, Span}};\nfn a() { crate::round::run() } // crate::cli\n";
    assert_eq!(imported_by(&without_comments(text)), ["model", "check", "yaml", "round"]);
}

/// Layers of the top modules, as the comments between the `pub mod` lines say.
fn layers() -> Layers {
    let mut layers = Layers::new();
    let mut layer = None;
    for line in lib_rs().lines() {
        if let Some(number) = line.strip_prefix("// Layer ") {
            layer = Some(number.parse().expect("a number of a layer"));
        } else if let Some(module) = line.strip_prefix("pub mod ") {
            layers.insert(module.trim_end_matches(';').to_owned(), layer.expect("a layer above the modules"));
        }
    }
    assert!(layers.len() > 10, "the modules of lib.rs were not understood: {layers:?}");
    layers
}

fn imports(layers: &Layers) -> Imports {
    let mut imports = Imports::new();
    for file in sources() {
        let from = module_of(&file);
        for to in imported_by(&code_of(&file)) {
            if layers.contains_key(&from) && layers.contains_key(&to) && from != to {
                imports.insert((from.clone(), to), file.clone());
            }
        }
    }
    assert!(imports.len() > 30, "the imports were not understood: {imports:?}");
    imports
}

fn lib_rs() -> String {
    fs::read_to_string(root().join("lib.rs")).expect("src/lib.rs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file but those that are tests, which may look wherever they want.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.ends_with(".rs") && name != "tests.rs" && !name.ends_with("_tests.rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// The top module a file belongs to.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(root()).expect("a file below src");
    let first = inside.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// How many modules deep the code of a file is: 1 for `src/check.rs` and `src/model/mod.rs`.
fn depth_of(file: &Path) -> usize {
    let inside = file.strip_prefix(root()).expect("a file below src");
    let names = inside.iter().count();
    let is_root = inside.iter().next_back().is_some_and(|name| name == "mod.rs" || name == "lib.rs" || name == "main.rs");
    if is_root { names - 1 } else { names }.max(1)
}

/// The code of a file without comments and without its tests, which come last.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source file");
    let code = text.split("#[cfg(test)]\nmod tests {").next().expect("split gives one part at least");
    without_comments(code)
}

fn without_comments(code: &str) -> String {
    code.lines().map(|line| line.split("// ").next().unwrap_or_default()).filter(|line| !line.trim_start().starts_with("//")).fold(
        String::new(),
        |mut code, line| {
            code.push_str(line);
            code.push('\n');
            code
        },
    )
}

/// First names after `crate::`, be it one path or a group.
fn imported_by(code: &str) -> Vec<String> {
    code.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(group) => names_of_group(group),
            None => vec![first_name(rest)],
        })
        .collect()
}

fn names_of_group(group: &str) -> Vec<String> {
    let mut names = vec![first_name(group.trim_start())];
    let mut depth = 1;
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => names.push(first_name(group[place + 1..].trim_start())),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn first_name(path: &str) -> String {
    path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Names in links such as ``[`model`]``.
fn names_in_links(row: &str) -> Vec<String> {
    row.split("[`").skip(1).filter_map(|rest| rest.split_once("`]")).map(|(name, _)| name.to_owned()).collect()
}
