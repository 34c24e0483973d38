-- The ledger. Times are milliseconds since 1970 in UTC. A column named `id` or `no` numbers the rows of its own table.

-- What this file is, so that it is never taken for the database of another program: "roun" in ASCII.
PRAGMA application_id = 1919907182;

-- This store among others: evidence chains hang on it. The epoch grows in a backup, so that a restored store shows as a fork.
CREATE TABLE instance (
    id          TEXT   NOT NULL PRIMARY KEY,
    epoch       BIGINT NOT NULL
);

CREATE TABLE runs (
    no          INTEGER PRIMARY KEY,
    id          TEXT   NOT NULL UNIQUE,
    playbook    TEXT   NOT NULL,
    started     BIGINT NOT NULL,
    ended       BIGINT,
    state       TEXT   NOT NULL,
    planned     BIGINT NOT NULL,
    host        TEXT   NOT NULL,
    pid         BIGINT NOT NULL,
    format      BIGINT NOT NULL,          -- version of the JSON in `head` and in the items' `body`
    head        BLOB   NOT NULL,          -- deflated JSON
    tally       TEXT                      -- JSON, once the run has ended
);
CREATE INDEX runs_started ON runs (started);
CREATE INDEX runs_playbook ON runs (playbook, started);

-- Texts that many items share (titles, advice, fields, thresholds; probes as asked), stored once and found by their hash.
CREATE TABLE sheets (
    id          INTEGER PRIMARY KEY,
    hash        BLOB   NOT NULL UNIQUE,   -- SHA-256 of `body`
    format      BIGINT NOT NULL,
    body        TEXT   NOT NULL
);

-- One row an item and run: the primary key of the ledger is (run, target, line).
-- `sheet` and `asked` point into `sheets` without a foreign key: removing a sheet would else search all items.
CREATE TABLE items (
    id          INTEGER PRIMARY KEY,
    run         BIGINT NOT NULL REFERENCES runs (no) ON DELETE CASCADE,
    target      TEXT   NOT NULL,
    line        TEXT   NOT NULL,
    playbook    TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    check_id    TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    waived      BIGINT NOT NULL,
    at          BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    sheet       BIGINT NOT NULL,
    asked       BIGINT,
    body        TEXT   NOT NULL,          -- JSON: reason, rows, attempts, captures
    UNIQUE (run, target, line)
);
CREATE INDEX items_history ON items (target, playbook, line, at);

-- The numbers of the items' rows, for trends. Texts stay with the item: nobody draws a line through them.
CREATE TABLE observations (
    item        BIGINT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    row_key     TEXT,
    field       TEXT   NOT NULL,
    type        TEXT   NOT NULL,          -- the unit, too: percent, bytes, seconds, a moment in seconds since 1970
    number      DOUBLE NOT NULL
);
CREATE INDEX observations_item ON observations (item);

-- Raw answers, each content once. A content without a body was removed by retention; its hash and size stay.
CREATE TABLE contents (
    hash        BLOB   NOT NULL PRIMARY KEY,   -- SHA-256 of the answer as it came
    size        BIGINT NOT NULL,
    coding      TEXT   NOT NULL,               -- plain or deflate
    body        BLOB,
    refs        BIGINT NOT NULL,               -- how often item_captures names it
    last_at     BIGINT NOT NULL                -- when it was last given as an answer
);
CREATE INDEX contents_unused ON contents (refs) WHERE refs <= 0;
CREATE INDEX contents_age ON contents (last_at) WHERE body IS NOT NULL;

CREATE TABLE item_captures (
    item        BIGINT NOT NULL REFERENCES items (id) ON DELETE CASCADE,
    place       BIGINT NOT NULL,
    probe       TEXT   NOT NULL,
    variant     TEXT,
    at          BIGINT NOT NULL,
    took_ms     BIGINT NOT NULL,
    ended       TEXT   NOT NULL,               -- JSON
    cut         BIGINT NOT NULL,
    out_hash    BLOB   NOT NULL,
    err_hash    BLOB,                          -- null: nothing was complained about
    PRIMARY KEY (item, place)
);

-- The newest item of each line and target whose rows are good to compare with: rates need it, retention spares it.
CREATE TABLE last_good (
    target      TEXT   NOT NULL,
    playbook    TEXT   NOT NULL,
    line        TEXT   NOT NULL,
    at          BIGINT NOT NULL,
    item        BIGINT NOT NULL REFERENCES items (id),
    PRIMARY KEY (target, playbook, line)
);
CREATE INDEX last_good_item ON last_good (item);

-- Episodes of problems, one for each line that sees the problem: only the line that opened it can prove it gone.
CREATE TABLE findings (
    id          INTEGER PRIMARY KEY,
    problem_key TEXT   NOT NULL,
    playbook    TEXT   NOT NULL,
    line        TEXT   NOT NULL,
    target      TEXT   NOT NULL,
    check_id    TEXT   NOT NULL,
    row_key     TEXT,
    outcome     TEXT   NOT NULL,
    rule        TEXT,
    origin      TEXT,
    state       TEXT   NOT NULL,               -- open, solved or orphaned
    first_seen  BIGINT NOT NULL,
    last_seen   BIGINT NOT NULL,
    opened_run  TEXT   NOT NULL,
    seen_run    TEXT   NOT NULL,
    closed_run  TEXT,
    closed_at   BIGINT
);
CREATE UNIQUE INDEX findings_alive ON findings (problem_key, playbook, line) WHERE state <> 'solved';
CREATE INDEX findings_place ON findings (target, playbook) WHERE state <> 'solved';
CREATE INDEX findings_problem ON findings (problem_key);

-- What retention has removed, and when.
CREATE TABLE tombstones (
    at          BIGINT NOT NULL,
    what        TEXT   NOT NULL,               -- run, captures or findings
    run         TEXT,
    playbook    TEXT,
    started     BIGINT,
    state       TEXT,
    count       BIGINT NOT NULL,               -- items, contents or findings
    size        BIGINT NOT NULL                -- bytes of contents
);
CREATE INDEX tombstones_run ON tombstones (run);
