//! The program itself, run on sites of our own against real servers on loopback, and against peers that do not play by the rules.

#[allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
mod support {
    pub(crate) mod hostile;
    pub(crate) mod mariadb;
    pub(crate) mod postgres;
    pub(crate) mod server;
    pub(crate) mod sshd;
    pub(crate) mod web;

    pub(crate) mod certificates;
}

mod live {
    pub(crate) mod ledger;
    pub(crate) mod ran;
    pub(crate) mod site;

    mod ending;
    mod figures;
    mod fleet;
    mod hostile_peers;
    mod hostile_text;
    mod large;
    mod privileges;
    mod secrets;
    mod through_hosts;
}
