//! What speed we promise, shown as ratios in one run: `cargo bench --bench rounds` (all), or with the names of some.
//!
//! `fleet` 50 SSH hosts × 10 checks beside `xargs -P32 ssh` doing the same reads · `thousand` 1,000 hosts × 20 checks, time a
//! host beside that of 50, and peak memory · `judging` planning, judging and storing 20,000 items · `report` HTML and PDF of
//! them, and the PDF beside headless Chromium printing the same rows · `inventory` 5,000 hosts · `hostile` refusing hostile YAML.

#[path = "../tests/support/mod.rs"]
mod support;

mod bench {
    pub(crate) mod fleet;
    pub(crate) mod inventory;
    pub(crate) mod measure;
    pub(crate) mod run;
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    println!("{}", bench::measure::machine());
    if is_wanted("inventory") {
        bench::inventory::five_thousand_hosts();
    }
    if is_wanted("hostile") {
        bench::inventory::hostile_files();
    }
    if is_wanted("judging") || is_wanted("report") {
        bench::run::twenty_thousand_items(is_wanted("report"));
    }
    if is_wanted("fleet") || is_wanted("thousand") {
        bench::fleet::hosts(is_wanted("thousand"));
    }
}
