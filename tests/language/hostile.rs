//! Files that nobody wrote by accident are refused, whatever they are.

use crate::site::try_files;

#[track_caller]
fn refused(text: &str, words: &str) {
    let tried = try_files(&[("h.yaml", text)]);
    assert!(tried.refused, "accepted: {}", text.chars().take(80).collect::<String>());
    assert!(tried.faults.contains(words), "{}", tried.faults.chars().take(400).collect::<String>());
}

#[test]
fn bombs_are_refused_at_the_first_anchor() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let before = level - 1;
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![format!("*a{before}"); 10].join(", ")));
    }
    refused(&bomb, "h.yaml:1: error: anchors");
}

#[test]
fn depth_is_refused_however_it_is_made() {
    refused(&format!("playbook: {}", "[".repeat(100_000)), "error");
    refused(&format!("playbook: {}", "{a: ".repeat(100_000)), "error");
    refused(&format!("playbook: {}", "- ".repeat(100_000)), "error");
    let blocks: String = (0..2_000).fold(String::new(), |text, depth| text + &" ".repeat(depth) + "a:\n");
    refused(&blocks, "error");
}

#[test]
fn what_is_too_large_is_refused_before_it_is_read() {
    refused(&format!("playbook: {}\n", "x".repeat(50 * 1024 * 1024)), "larger than 16 MiB");
    refused(&format!("playbook: \"{}\"\n", "x".repeat(2 * 1024 * 1024)), "1 MiB");
}

#[test]
fn millions_of_slips_are_told_as_some() {
    let doubled = "a: 1\n".repeat(200_000);
    let tried = try_files(&[("h.yaml", &doubled)]);
    assert!(tried.refused && tried.faults.lines().count() <= 502, "{}", tried.faults.lines().count());
    refused(&doubled, "stands twice");
}

#[test]
fn tags_merge_keys_and_documents_are_refused() {
    refused("playbook: !!python/object/apply:os.system [id]\n", "tags");
    refused("playbook: !include /etc/passwd\n", "tags");
    refused("base: &b { a: 1 }\nplaybook: { <<: *b }\n", "anchors");
    refused("playbook: { <<: { a: 1 } }\n", "merge");
    refused("playbook: p\n---\nplaybook: q\n", "second document");
    refused("%YAML 1.1\n%FOO bar\n---\n!!map {}\n", "error");
}

#[test]
fn bytes_that_are_no_text_are_refused_and_faults_show_no_controls() {
    refused("playbook: a\0b\n", "NUL");
    let tried = try_files(&[("h.yaml", "playbook: p\n\"\\e[31m\\u202e\": 1\n")]);
    assert!(tried.refused);
    assert!(!tried.faults.contains(['\u{1b}', '\u{202e}']), "{:?}", tried.faults);
}

#[test]
fn text_in_a_playbook_is_never_a_template() {
    let text = "playbook: p\ntitle: \"{{7*7}} ${HOME} $(id) `id`\"\nchecks: [{ id: d, check: disk-space }]\n";
    let tried = try_files(&[("i.yaml", crate::site::INVENTORY), ("s.yaml", crate::site::SETTINGS), ("h.yaml", text)]);
    assert_eq!(tried.faults, "");
    assert_eq!(tried.plans[0].title.get(rounds::model::Lang::En), "{{7*7}} ${HOME} $(id) `id`");
}
