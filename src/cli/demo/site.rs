//! The files of the demonstration: of its lines, those whose checks the catalogue has.

use std::path::Path;

use super::DemoError;
use crate::cli::starter::{self, Wish};
use crate::model::probe::quote;

/// Id of the playbook.
pub(super) const PLAYBOOK: &str = "demo";
/// Name of the sample database.
pub(super) const DATABASE: &str = "shop.db";
/// Files that a demonstration writes besides its reports and its store.
pub(super) const NAMES: [&str; 5] = ["demo.yaml", "inventory.yaml", "settings.yaml", "waivers.yaml", DATABASE];

/// What the first line of our files says, so that a demonstration may be repeated in the same folder.
const MARK: &str = "Written by `rounds demo`";

const HOST: [Wish; 15] = [
    Wish::new("cpu", "{ id: cpu, check: cpu }"),
    Wish::new("load", "{ id: load, check: load }"),
    Wish::new("memory", "{ id: memory, check: memory }"),
    Wish::new("swap", "{ id: swap, check: swap }"),
    Wish::new("disk-space", "{ id: disk, check: disk-space }"),
    Wish::new("inodes", "{ id: inodes, check: inodes }"),
    Wish::new("read-only-mounts", "{ id: read-only, check: read-only-mounts }"),
    Wish::new("disk-io", "{ id: disk-io, check: disk-io }"),
    Wish::new("uptime", "{ id: uptime, check: uptime }"),
    Wish::new("zombies", "{ id: zombies, check: zombies }"),
    Wish::new("file-handles", "{ id: file-handles, check: file-handles }"),
    Wish::new("clock", "{ id: clock, check: clock }"),
    Wish::new("failed-units", "{ id: failed-units, check: failed-units }"),
    Wish::new("listening-ports", "{ id: ports, check: listening-ports, with: { allowed: [tcp/22] } }"),
    Wish::new("file-state", "{ id: account-files, check: file-state }"),
];

const DATABASE_LINES: [Wish; 5] = [
    Wish::new("sqlite-integrity", "{ id: integrity, check: sqlite-integrity }"),
    Wish::new(
        "sql",
        r#"id: nightly-batch
check: sql
targets: [shop-db]
with:
  query: select max(finished_at) as newest from batch_runs where name = :name
  bind: { name: settlement }
  columns: { newest: timestamp }
crit: newest == null or now - newest > 26h
title: { en: Nightly settlement, zh: 夜间结算批处理 }
why: { en: "Without the settlement yesterday's sales are missing from the morning's figures", zh: 结算未完成会导致次日报表缺少前一日销售额 }
advice: { en: "Read the log of the batch and start it again", zh: 检查批处理日志并重新运行 }"#,
    ),
    Wish::new(
        "sql",
        r#"id: orphan-orders
check: sql
targets: [shop-db]
with:
  query: select o.order_no as order_no, o.customer_id as customer from orders o left join customers c on c.id = o.customer_id where c.id is null
  columns: { order_no: text, customer: text }
  key: [order_no]
  rows_are: problems
warn: order_no != ""
title: { en: Orders without a customer, zh: 无对应客户的订单 }
why: { en: "Such orders cannot be invoiced", zh: 此类订单无法开票 }
advice: { en: "Find out which import lost the customer, and restore it", zh: 查明哪次导入丢失了客户资料并恢复 }"#,
    ),
    Wish::new(
        "sql",
        r#"id: stuck-orders
check: sql
targets: [shop-db]
with:
  query: select order_no, paid_at from orders where status = 'paid'
  columns: { order_no: text, paid_at: timestamp }
  key: [order_no]
  rows_are: problems
warn: now - paid_at > 48h
crit: now - paid_at > 14d
title: { en: Paid orders that were not sent, zh: 已付款未发货订单 }
advice: { en: "Ask the warehouse for these orders", zh: 与仓库核实这些订单 }"#,
    ),
    Wish::new(
        "sql",
        r#"id: orders-today
check: sql
targets: [shop-db]
with:
  query: select count(*) as orders, sum(amount) as amount from orders where ordered_at > datetime('now', '-1 day')
  columns: { orders: number, amount: number }
warn: orders < 3
title: { en: Orders of the last 24 hours, zh: 近 24 小时订单量 }"#,
    ),
];

const WEB: [Wish; 2] = [
    Wish::new(
        "http",
        r#"id: status-page
check: http
with: { path: /status, json: { "$.status": ok } }
title: { en: Status page, zh: 状态页 }"#,
    ),
    Wish::new(
        "http",
        r#"id: orders-page
check: http
with: { path: /orders, contains: "Orders" }
warn: took > 1s
title: { en: Order page, zh: 订单页 }
why: { en: "Customers leave a page that takes longer than a second", zh: 页面超过 1 秒会造成客户流失 }
advice: { en: "Look for the slow query behind the page", zh: 排查页面背后的慢查询 }"#,
    ),
];

/// Makes the folder, and sees to it that nothing of anybody else is in it.
pub(super) fn prepare(dir: &Path) -> Result<(), DemoError> {
    let cannot = |error| DemoError::Write(dir.to_owned(), error);
    std::fs::create_dir_all(dir).map_err(cannot)?;
    let is_empty = std::fs::read_dir(dir).map_err(cannot)?.next().is_none();
    let inventory = std::fs::read_to_string(dir.join("inventory.yaml")).unwrap_or_default();
    if is_empty || inventory.lines().next().is_some_and(|line| line.contains(MARK)) {
        Ok(())
    } else {
        Err(DemoError::Taken(dir.to_owned()))
    }
}

/// Writes playbook, inventory, settings and waivers; `url` is where the sample web site is served.
pub(super) fn write(dir: &Path, url: &str) -> Result<(), DemoError> {
    for (name, text) in files(dir, url) {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(|error| DemoError::Write(path, error))?;
    }
    Ok(())
}

fn files(dir: &Path, url: &str) -> Vec<(&'static str, String)> {
    let waiver_ends = chrono::Local::now().date_naive() + chrono::Duration::days(60);
    let fill = |text: &str| {
        text.replace("{mark}", MARK).replace("{timezone}", &starter::timezone_here()).replace("{waiver_ends}", &waiver_ends.to_string())
    };
    let mut files = vec![
        ("settings.yaml", fill(include_str!("settings.yaml"))),
        ("inventory.yaml", fill(include_str!("inventory.yaml")) + &targets(dir, url)),
        ("demo.yaml", playbook(dir)),
    ];
    if crate::checks::find("sql").is_some() {
        files.push(("waivers.yaml", fill(include_str!("waivers.yaml"))));
    }
    files
}

fn targets(dir: &Path, url: &str) -> String {
    // A run from another folder has to find the database, too.
    let database = std::path::absolute(dir.join(DATABASE)).unwrap_or_else(|_| dir.join(DATABASE));
    let path = serde_json::Value::from(database.to_string_lossy()).to_string();
    let mut text = "  - { id: this-machine, kind: host, address: local, system: shop }\n".to_owned();
    if starter::any(&DATABASE_LINES) {
        text.push_str(&format!("  - {{ id: shop-db, kind: sqlite, path: {path}, system: shop }}\n"));
    }
    if starter::any(&WEB) {
        text.push_str("  # `rounds demo` serves it itself, and only as long as it runs.\n");
        text.push_str(&format!("  - {{ id: shop-web, kind: http, url: {url}, system: shop }}\n"));
    }
    text
}

fn playbook(dir: &Path) -> String {
    let folder = quote(&dir.to_string_lossy());
    format!(
        "# {MARK}: run it again with\n#   rounds run {PLAYBOOK} --site {} --store {}/rounds.db\n\
         playbook: {PLAYBOOK}\ntitle: {{ en: Inspection of a sample web shop, zh: 示例网上商城巡检 }}\nowner: demo-owner\nschedule: by-hand\nchecks:\n\
         {}{}{}report: {{ languages: [en, zh] }}\n",
        crate::model::untrusted::visible(&folder),
        crate::model::untrusted::visible(&folder),
        starter::lines(&HOST),
        starter::lines(&DATABASE_LINES),
        starter::lines(&WEB),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::load;
    use crate::playbook::Narrow;

    #[test]
    fn the_demonstration_lints_with_the_catalogue_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), "http://127.0.0.1:8000").unwrap();
        let (loaded, plan) = load::plan(dir.path(), PLAYBOOK, &Narrow::default());
        assert_eq!(loaded.faults.lines(&loaded.site.sources), "");
        assert!(plan.unwrap().items.len() > 1);
    }

    #[test]
    fn it_goes_into_an_empty_folder_or_its_own_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        assert!(prepare(&dir.path().join("new")).is_ok());
        std::fs::write(dir.path().join("diary.txt"), "mine").unwrap();
        assert!(matches!(prepare(dir.path()), Err(DemoError::Taken(_))));
        let own = tempfile::tempdir().unwrap();
        write(own.path(), "http://127.0.0.1:8000").unwrap();
        assert!(prepare(own.path()).is_ok());
    }
}
