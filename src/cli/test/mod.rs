//! `rounds test`: recorded answers judged offline by a playbook, against the outcomes that somebody expects.

mod case;
mod document;

use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Exit;
use super::load;
use super::places::Places;
use crate::model::untrusted::visible;
use crate::playbook::{Narrow, Plan};
use crate::yaml::{Faults, parse};
use document::TestDoc;

/// Arguments of `rounds test`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  rounds test
  rounds test tests/disk.yaml

A file of tests (its first key is `test`; paths are relative to it):
  test: disk of the ERP database
  playbook: core-daily
  cases:
    - { line: disk, target: erp-db, captures: df-full.txt, expect: crit, rows: { /u01: crit } }
    - { line: disk, target: erp-db, captures: df-unreadable.txt, expect: error }
A case may say `now: 2026-11-21T10:00:00Z`, `earlier: FILE` (the run before, for rates) and `name:`.

Captures are made by `rounds record`, or written by hand:
  # system: Debian 12.11, coreutils 9.1
  # command: df -PkT
  # at: 2026-11-21T10:00:00Z
  == df status 0
  Filesystem     Type 1024-blocks …
A section is one probe (`rounds plan` names them) with its output below:
  == NAME status N · == NAME timed-out 30s · == NAME failed permission · == NAME stderr")]
pub(super) struct TestArgs {
    /// Files of tests [default: those of the site]
    files: Vec<PathBuf>,
}

/// Judges every case.
pub(super) fn test(args: &TestArgs, places: &Places) -> Exit {
    let files = if args.files.is_empty() { of_site(&places.site()) } else { args.files.clone() };
    if files.is_empty() {
        eprintln!("rounds: no tests: no file of the site begins with `test:`");
        return Exit::BadInput;
    }
    let (mut passed, mut failed, mut sound) = (0, 0, true);
    for file in &files {
        match run_file(file, &places.site()) {
            None => sound = false,
            Some(results) => {
                for (name, result) in results {
                    match result {
                        Ok(()) => {
                            passed += 1;
                            println!("ok    {name}");
                        }
                        Err(differences) => {
                            failed += 1;
                            println!("FAIL  {name}");
                            for difference in differences {
                                println!("      {difference}");
                            }
                        }
                    }
                }
            }
        }
    }
    println!("{} cases: {passed} passed, {failed} failed", passed + failed);
    match (sound, failed) {
        (false, _) => Exit::BadInput,
        (true, 0) => Exit::Fine,
        (true, _) => Exit::Problems,
    }
}

type Results = Vec<(String, Result<(), Vec<String>>)>;

/// The files of a site whose first key is `test`.
fn of_site(folder: &Path) -> Vec<PathBuf> {
    let loaded = load::site(folder, &[]);
    loaded.site.tests.iter().map(|file| loaded.site.sources.get(*file).path.clone()).collect()
}

/// What came of the cases of `file`; `None`, with everything told, when it or its playbook cannot be used.
fn run_file(file: &Path, site: &Path) -> Option<Results> {
    let doc = read(file)?;
    let (loaded, plan) = load::plan(site, &doc.playbook.value, &Narrow::default());
    if loaded.faults.any_error() {
        loaded.show_faults();
    }
    let plan: Plan = plan.filter(|_| !loaded.faults.any_error())?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let results = doc.cases.iter().map(|case| {
        let named = case.name.clone().unwrap_or_else(|| format!("{} on {}", case.line.value, case.target.value));
        (visible(&format!("{} · {named}: {}", doc.name, case.expect.id())), case::run(case, &plan, folder))
    });
    Some(results.collect())
}

fn read(file: &Path) -> Option<TestDoc> {
    let mut sources = crate::yaml::Sources::default();
    let mut faults = Faults::default();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("rounds: cannot read {}: {error}", file.display());
            return None;
        }
    };
    let id = sources.add(file, text.as_str());
    let doc = parse(id, &text, &mut faults).and_then(|root| document::read(&root, &mut faults));
    if faults.any_error() {
        eprint!("{}", faults.draw(&sources, false));
        return None;
    }
    doc
}

#[cfg(test)]
mod tests {
    use super::*;

    const DF: &str = "# system: by hand\n# command: df -PkT\n# at: 2026-11-21T10:00:00Z\n== df status 0\n\
        Filesystem Type 1024-blocks Used Available Capacity Mounted on\n/dev/sda1 ext4 1000 950 50 95% /\n/dev/sdb1 ext4 1000 500 500 50% /u01\n";

    fn results(cases: &str) -> Option<Vec<bool>> {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write("inventory.yaml", "inventory: t\ntargets:\n  - { id: web1, kind: host, address: local }\n");
        write("daily.yaml", "playbook: daily\nchecks:\n  - { id: disk, check: disk-space }\n");
        write("df.txt", DF);
        write("refused.txt", "# system: by hand\n# command: df\n# at: 2026-11-21T10:00:00Z\n== df failed permission\ndenied\n");
        write("t.yaml", &format!("test: t\nplaybook: daily\ncases:\n{cases}"));
        assert_eq!(of_site(dir.path()), [dir.path().join("t.yaml")]);
        let results = run_file(&dir.path().join("t.yaml"), dir.path())?;
        Some(results.into_iter().map(|(_, result)| result.is_ok()).collect())
    }

    #[test]
    fn a_case_passes_when_item_and_rows_end_as_expected() {
        let cases = "  - { line: disk, target: web1, captures: df.txt, expect: crit, rows: { /: crit, /u01: ok } }\n";
        assert_eq!(results(cases), Some(vec![true]));
    }

    #[test]
    fn a_case_fails_on_another_outcome_row_or_a_row_that_is_not_there() {
        let cases = "  - { line: disk, target: web1, captures: df.txt, expect: ok }\n  \
            - { line: disk, target: web1, captures: df.txt, expect: crit, rows: { /u01: warn } }\n  \
            - { line: disk, target: web1, captures: df.txt, expect: crit, rows: { /nowhere: ok } }\n  \
            - { line: nosuch, target: web1, captures: df.txt, expect: crit }\n  \
            - { line: disk, target: web1, captures: nosuch.txt, expect: crit }\n";
        assert_eq!(results(cases), Some(vec![false; 5]));
    }

    #[test]
    fn what_could_not_be_read_can_be_expected_too() {
        assert_eq!(results("  - { line: disk, target: web1, captures: refused.txt, expect: error }\n"), Some(vec![true]));
    }

    #[test]
    fn a_file_with_a_slip_is_no_test() {
        assert_eq!(results("  - { line: disk, target: web1, captures: df.txt, expected: crit }\n"), None);
        assert_eq!(results("  - { line: disk, target: web1, captures: df.txt, expect: critical }\n"), None);
        assert_eq!(results("  []\n"), None);
    }
}
