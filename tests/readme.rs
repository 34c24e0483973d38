//! What the README shows is true as far as a machine can tell: its site lints, and its links lead somewhere.

use std::path::Path;
use std::process::Command;

#[test]
fn the_site_of_the_readme_lints() {
    let site = tempfile::tempdir().unwrap();
    let files = blocks("yaml");
    assert!(files.len() >= 3, "the README lost its examples");
    for (place, text) in files.iter().enumerate() {
        std::fs::write(site.path().join(format!("{place}.yaml")), text).unwrap();
    }
    std::fs::write(site.path().join("settings.yaml"), "settings: my-site\ntimezone: Asia/Shanghai\ntiers: [core]\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rounds")).args(["lint", "--plain", "--site"]).arg(site.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !told.contains("warning"), "{told}");
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    for document in ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "report-templates/README.md"] {
        let path = root().join(document);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.starts_with("http") && !link.starts_with('#') {
                assert!(path.parent().unwrap().join(link).exists(), "{document}: {link}");
            }
        }
    }
}

#[test]
fn every_command_of_the_readme_is_one() {
    let help = Command::new(env!("CARGO_BIN_EXE_rounds")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let readme = readme();
    let commands: Vec<&str> = readme
        .lines()
        .flat_map(|line| line.split('`').chain(std::iter::once(line)))
        .filter_map(|text| text.trim().strip_prefix("rounds "))
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    assert!(commands.len() > 15, "{commands:?}");
    for command in commands {
        assert!(help.lines().any(|line| line.split_whitespace().next() == Some(command)), "`rounds {command}` is no command:\n{help}");
    }
}

/// The code blocks of the README that are marked `language`.
fn blocks(language: &str) -> Vec<String> {
    let mark = format!("\n```{language}\n");
    readme().split(&mark).skip(1).filter_map(|rest| rest.split_once("\n```")).map(|(block, _)| format!("{block}\n")).collect()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
