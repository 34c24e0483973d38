//! The command line over a store: a run of this machine, then every command that reads it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use rounds::model::{ItemKey, Outcome, RunRecord, Untrusted, Value};
use rounds::store::Store;
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use tempfile::TempDir;

/// A site with this machine as its only target, and a store beside it.
struct Place {
    folder: TempDir,
}

/// What stands in a stored value to take over a terminal.
const HOSTILE: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}/mnt\r\nrounds: all is well";

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let file = |name: &str, text: &str| fs::write(place.site().join(name), text).unwrap();
        fs::create_dir(place.site()).unwrap();
        file("settings.yaml", "settings: test\ntimezone: Asia/Shanghai\ntiers: [core]\n");
        file("inventory.yaml", "inventory: test\ntargets:\n  - { id: here, kind: host, address: local, labels: { role: hub } }\n");
        // How busy the machine is that these tests run on is not their question.
        file(
            "daily.yaml",
            "playbook: daily\ntargets: [here]\nchecks:\n  - id: disk\n    check: disk-space\n    warn: \"used_pct >= 0\"\n    crit: never\n    \
             trend: [{ id: mean, warn: \"average(used_pct, 1s) < 0%\" }]\n  - { id: load, check: load, warn: never, crit: never }\n  - { id: uptime, check: uptime }\n  - { id: cpu, check: cpu, warn: never, crit: never }\nacross:\n  \
             - { id: all-up, of: uptime, crit: \"ok_count + warn_count < planned_count\" }\n",
        );
        place
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("rounds.db")
    }

    fn rounds(&self, arguments: &[&str]) -> Output {
        self.rounds_on(&self.store(), arguments)
    }

    fn rounds_on(&self, store: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::cargo_bin("rounds").unwrap();
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path());
        command.args(["--site", self.site().to_str().unwrap(), "--store", store.to_str().unwrap()]).args(arguments);
        command.output().unwrap()
    }

    /// Standard output of a command that must end with `status`.
    #[track_caller]
    fn say(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.rounds(arguments);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{arguments:?}\n{out}\n{err}");
        out.into_owned()
    }

    /// Inspects this machine; the warning on every filesystem is wanted.
    fn run(&self) -> RunRecord {
        self.say(1, &["run", "daily", "--no-report", "--quiet"]);
        self.last()
    }

    fn last(&self) -> RunRecord {
        block_on(async {
            let store = Store::open(self.store()).await.unwrap();
            let run = store.load_run("last").await.unwrap();
            store.close().await;
            run
        })
    }

    /// Changes the store behind its back.
    fn tamper(&self, statements: &[&str]) {
        block_on(async {
            let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(self.store()).connect().await.unwrap();
            for statement in statements {
                let done = sqlx::query(sqlx::AssertSqlSafe(*statement)).execute(&mut connection).await.unwrap();
                assert!(done.rows_affected() > 0, "{statement}");
            }
            connection.close().await.unwrap();
        });
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

#[test]
fn a_recorded_run_is_listed_and_shown() {
    let place = Place::new();
    let run = place.run();
    let id = &run.head.id;
    let list = place.say(0, &["runs"]);
    assert!(list.contains(&id[..18]) && list.contains("daily") && list.contains("CST") && list.contains("done"), "{list}");
    let json: serde_json::Value = serde_json::from_str(&place.say(0, &["runs", "--json", "--playbook", "daily"])).unwrap();
    assert_eq!((json[0]["id"].as_str(), json[0]["balances"].as_bool()), (Some(id.as_str()), Some(true)));
    assert_eq!(place.say(0, &["runs", "--state", "lost"]), "");

    assert!(place.say(0, &["show", &id[..18], "--lang", "zh"]).contains("预警"));
    let item = place.say(0, &["show", "last", "disk", "here", "--captures"]);
    for wanted in ["used_pct >= 0", "daily.yaml:", "GiB", " %", "  == ", "  $ ", "  | "] {
        assert!(item.contains(wanted), "`{wanted}` is missing in\n{item}");
    }
    let report: serde_json::Value = serde_json::from_str(&place.say(0, &["show", "last", "--json"])).unwrap();
    assert_eq!(report["format"], "rounds-report/1");
    place.say(3, &["show", "last", "nothing"]);
    place.say(3, &["show", "ffffffff"]);
}

#[test]
fn raw_answers_are_given_byte_by_byte_to_a_file() {
    let place = Place::new();
    let run = place.run();
    let raw = place.rounds(&["show", "last", "uptime", "here", "--captures", "--raw"]);
    let kept = block_on(async {
        let store = Store::open(place.store()).await.unwrap();
        store.captures(&run.head.id, &ItemKey::new("uptime", "here")).await.unwrap()
    });
    let bytes: Vec<u8> = kept.into_iter().flat_map(|capture| capture.whole().unwrap().out).collect();
    assert!(!bytes.is_empty());
    assert_eq!(raw.stdout, bytes);
}

#[test]
fn a_run_replayed_comes_out_the_same() {
    let place = Place::new();
    // Two runs: rates have an earlier value in the second one, and so has the trend.
    let first = place.run();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let second = place.run();
    for run in [&first, &second] {
        let out = place.say(0, &["replay", &run.head.id]);
        assert!(out.contains(&format!("{} identical, 0 different, 0 not possible", run.items.len())), "{out}");
    }
    for line in ["cpu", "disk.mean", "all-up"] {
        let item = second.items.iter().find(|item| item.key.line == line).unwrap();
        assert!(item.outcome.is_judged(), "{item:?}");
    }
}

#[test]
fn a_verdict_that_was_changed_is_found_by_replaying() {
    let place = Place::new();
    place.run();
    place.tamper(&[
        "UPDATE items SET outcome = 'ok', body = replace(body, '\"outcome\":\"warn\"', '\"outcome\":\"ok\"') WHERE line = 'disk'",
    ]);
    let out = place.say(1, &["replay", "last"]);
    assert!(out.contains("≠ disk on here") && out.contains("outcome: recorded ok, replayed warn"), "{out}");
}

#[test]
fn an_answer_that_was_changed_or_removed_is_never_called_identical() {
    let place = Place::new();
    place.run();
    let of_uptime = "(SELECT c.out_hash FROM item_captures c JOIN items i ON i.id = c.item WHERE i.line = 'uptime')";
    place.tamper(&[&format!("UPDATE contents SET coding = 'plain', body = X'313233' WHERE hash IN {of_uptime}")]);
    let out = place.say(2, &["replay", "last"]);
    assert!(out.contains("? uptime on here") && out.contains("do not have that hash"), "{out}");

    // Even with a hash that fits: the item still says which answer it was judged by.
    let forged =
        "UPDATE contents SET hash = X'a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3', size = 3 WHERE body = X'313233'";
    let pointed = "UPDATE item_captures SET out_hash = X'a665a45920422f9d417e4867efdc4fb8a04a1f3fff1fa07e998e86f7f7a27ae3' \
                   WHERE item = (SELECT id FROM items WHERE line = 'uptime')";
    place.tamper(&[forged, pointed]);
    let out = place.say(2, &["replay", "last"]);
    assert!(out.contains("? uptime on here") && out.contains("is not the one that was recorded"), "{out}");

    let removed = Place::new();
    removed.run();
    removed.tamper(&["UPDATE contents SET body = NULL"]);
    let out = removed.say(2, &["replay", "last"]);
    assert!(out.contains("retention has removed the capture"), "{out}");
}

#[test]
fn two_runs_are_compared_for_a_go() {
    let place = Place::new();
    let before = place.run();
    let after = place.run();
    let out = place.say(0, &["compare", &before.head.id, &after.head.id]);
    assert!(out.contains("still open") && out.trim_end().ends_with("\ngo"), "{out}");
    let json: serde_json::Value = serde_json::from_str(&place.say(0, &["compare", &before.head.id, "last", "--json"])).unwrap();
    assert_eq!(json["go"], true);
    place.say(3, &["compare", "last", "last"]);
    // All is ignored: nothing was looked at, which is no go.
    place.say(1, &["compare", &before.head.id, &after.head.id, "--ignore", "disk,disk.mean,load,uptime,cpu,all-up,reachable"]);

    place.tamper(&["UPDATE items SET outcome = 'crit', body = replace(body, '\"outcome\":\"warn\"', '\"outcome\":\"crit\"') WHERE line = 'disk' AND run = (SELECT max(no) FROM runs)"]);
    let out = place.say(1, &["compare", &before.head.id, &after.head.id]);
    assert!(out.contains("✗ worse") && out.trim_end().ends_with("no-go"), "{out}");
    place.say(0, &["compare", &before.head.id, &after.head.id, "--ignore", "disk-space"]);

    place.tamper(&["UPDATE items SET outcome = 'error' WHERE line = 'load' AND run = (SELECT max(no) FROM runs)"]);
    let out = place.say(1, &["compare", &before.head.id, &after.head.id, "--ignore", "disk"]);
    assert!(out.contains("load"), "{out}");
}

#[test]
fn a_narrower_run_is_no_go_because_less_was_looked_at() {
    let place = Place::new();
    let before = place.run();
    place.say(1, &["run", "daily", "--only", "disk", "--no-report", "--quiet"]);
    let out = place.say(1, &["compare", &before.head.id, "last"]);
    assert!(out.contains("no longer looked at"), "{out}");
}

#[test]
fn old_runs_are_pruned_after_being_shown_and_backups_overwrite_nothing() {
    let place = Place::new();
    let old = place.run();
    let new = place.run();
    let copy = place.folder.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    place.say(0, &["backup", copy]);
    place.say(3, &["backup", copy]);

    place.say(3, &["prune"]);
    place.say(3, &["prune", "--runs-older-than", "400"]);
    // A long time passes for the first run.
    place.tamper(&["UPDATE runs SET started = 0 WHERE no = 1", "UPDATE findings SET opened_run = seen_run"]);
    let dry = place.say(0, &["prune", "--runs-older-than", "400d", "--dry-run"]);
    assert!(dry.contains(&old.head.id[..18]) && dry.contains("1 runs,") && dry.contains("would be removed"), "{dry}");
    assert!(place.say(0, &["runs"]).contains(&old.head.id[..18]));
    place.say(0, &["prune", "--runs-older-than", "400d", "--captures-older-than", "90d"]);
    let list = place.say(0, &["runs"]);
    assert!(!list.contains(&old.head.id[..18]) && list.contains(&new.head.id[..18]), "{list}");
    place.say(3, &["show", &old.head.id]);

    // The second run looked back on the first for its rates, and that is gone.
    let out = place.say(2, &["replay", "last"]);
    assert!(out.contains("retention has removed runs"), "{out}");
    // The copy was made before.
    let on_copy = |arguments: &[&str]| String::from_utf8(place.rounds_on(Path::new(copy), arguments).stdout).unwrap();
    assert!(on_copy(&["runs"]).contains(&old.head.id[..18]));
    let out = on_copy(&["replay", &new.head.id]);
    assert!(out.contains("0 different, 0 not possible"), "{out}");
}

#[test]
fn hostile_text_in_a_store_is_shown_as_visible_codes_by_every_command() {
    let place = Place::new();
    let before = place.run();
    let after = place.run();
    let key = before.items.iter().find(|item| item.key.line == "disk").and_then(|item| item.rows[0].key.clone()).unwrap();
    // The target lies in its second answer: mount point, reason, capture and the name of a probe.
    block_on(async {
        let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(place.store()).connect().await.unwrap();
        let row = sqlx::query("SELECT id, body FROM items WHERE line = 'disk' ORDER BY id DESC LIMIT 1")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        let mut body: serde_json::Value = serde_json::from_str(row.get("body")).unwrap();
        body["rows"][0]["key"] = HOSTILE.into();
        body["rows"][0]["reason"] = serde_json::json!({ "id": "unreadable", "what": "it", "detail": HOSTILE });
        body["rows"][0]["row"][0][1]["value"] = HOSTILE.into();
        body["reason"] = serde_json::json!({ "id": "probe-failed", "probe": "df", "status": 1, "detail": HOSTILE });
        let id: i64 = row.get("id");
        sqlx::query("UPDATE items SET body = $1 WHERE id = $2").bind(body.to_string()).bind(id).execute(&mut connection).await.unwrap();
        sqlx::query("UPDATE item_captures SET variant = $1 WHERE item = $2").bind(HOSTILE).bind(id).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    });
    assert_ne!(key, Untrusted::new(HOSTILE));
    let (first, second) = (before.head.id.as_str(), after.head.id.as_str());
    let commands: [&[&str]; 10] = [
        &["runs"],
        &["runs", "--json"],
        &["show", "last"],
        &["show", "last", "--json"],
        &["show", "last", "disk", "here", "--captures"],
        &["show", "last", "disk", "here", "--json"],
        &["show", "last", "disk", "here", "--captures", "--json"],
        &["replay", "last"],
        &["compare", first, second],
        &["compare", first, second, "--json"],
    ];
    let mut shown = 0;
    for command in commands {
        let output = place.rounds(command);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let obeyed: Vec<char> =
            text.chars().filter(|c| *c != '\n' && rounds::model::untrusted::visible(&c.to_string()) != c.to_string()).collect();
        assert!(obeyed.is_empty(), "{command:?} prints {obeyed:?}:\n{text}");
        assert!(!text.contains("\nrounds: all is well"), "{command:?} lets a target speak for itself:\n{text}");
        shown += usize::from(text.contains("\\x1b]0;owned") || text.contains("\\u001b]0;owned"));
    }
    assert!(shown >= 7, "the hostile text stood in {shown} outputs only");
}

#[test]
fn commands_that_read_make_no_store() {
    let place = Place::new();
    for command in [&["runs"][..], &["show"], &["replay"], &["compare", "a", "b"], &["prune", "--runs-older-than", "1d"], &["backup", "x"]]
    {
        place.say(3, command);
    }
    assert!(!place.store().exists());
}

#[test]
fn doctor_says_what_stands_well_and_what_to_do_about_the_rest() {
    let place = Place::new();
    place.run();
    let out = place.say(0, &["doctor"]);
    for wanted in ["✓ here: lets us in", "is sound", "the report templates draw", "time zones"] {
        assert!(out.contains(wanted), "`{wanted}` is missing in\n{out}");
    }
    let more = "inventory: more\nlogins:\n  - { id: ops, user: ops, password: { env: ROUNDS_NO_SUCH_SECRET } }\ntargets:\n  \
                - { id: dead, kind: http, url: \"http://127.0.0.1:1/\" }\n  - { id: far, kind: host, address: 127.0.0.1, port: 1, login: ops }\n";
    fs::write(place.site().join("more.yaml"), more).unwrap();
    let out = place.say(1, &["doctor"]);
    for wanted in ["✗ dead: ", "✗ the password of the login `ops` cannot be had", "✗ far: ", "    → "] {
        assert!(out.contains(wanted), "`{wanted}` is missing in\n{out}");
    }
    fs::write(place.site().join("broken.yaml"), "playbook: x\nchekcs: []\n").unwrap();
    place.say(3, &["doctor", "--offline"]);
}

#[test]
fn the_basis_of_what_was_recorded_holds_the_values_that_were_judged() {
    let place = Place::new();
    let run = place.run();
    let disk = run.items.iter().find(|item| item.key.line == "disk").unwrap();
    assert_eq!(disk.outcome, Outcome::Warn);
    assert!(disk.rows.iter().all(|row| matches!(row.row.get("used_pct"), Some(Value::Number(_)))));
    assert!(run.head.vocabulary["labels"]["role"][0] == "hub");
}
