//! The playbooks that come with the program.

/// Id and text of every playbook that ships.
pub const PLAYBOOKS: [(&str, &str); 7] = [
    ("linux-daily", include_str!("../../playbooks/linux-daily.yaml")),
    ("linux-weekly", include_str!("../../playbooks/linux-weekly.yaml")),
    ("security-baseline", include_str!("../../playbooks/security-baseline.yaml")),
    ("postgres-daily", include_str!("../../playbooks/postgres-daily.yaml")),
    ("mysql-daily", include_str!("../../playbooks/mysql-daily.yaml")),
    ("web-application", include_str!("../../playbooks/web-application.yaml")),
    ("before-change", include_str!("../../playbooks/before-change.yaml")),
];

/// The text of the playbook that ships as `id`.
#[must_use]
pub fn playbook(id: &str) -> Option<&'static str> {
    PLAYBOOKS.iter().find(|(known, _)| *known == id).map(|(_, text)| *text)
}
