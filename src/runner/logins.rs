//! Who may use which login: one that was refused twice is not used again in the run, since a locked account helps nobody.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often a login may be refused before it is not used again.
const REFUSALS: usize = 2;

/// More turns than a run has targets: a login that was let in somewhere need not wait.
const FREE: usize = 1 << 16;

/// The logins of a run.
///
/// Until a login is known to be good it is tried at [`REFUSALS`] places at once, so that a wrong password is not sent to
/// thirty targets before the first one has said no. A place that does not answer at all says nothing about the login and
/// lets one more try; else a network that is down would be gone through two by two.
#[derive(Debug, Default)]
pub(crate) struct Logins {
    gates: Mutex<HashMap<String, Gate>>,
}

#[derive(Debug)]
struct Gate {
    turns: Arc<Semaphore>,
    refusals: usize,
    is_proved: bool,
}

/// The right to use some logins once.
#[derive(Debug)]
pub(crate) struct Turn {
    permits: Vec<(String, OwnedSemaphorePermit)>,
}

/// How using a login ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Used<'u> {
    /// All of them were let in.
    LetIn,
    /// This one was refused.
    Refused(&'u str),
    /// It did not come to logging in, or nobody knows.
    Unknown,
}

/// This login is not used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Withheld(pub(crate) String);

impl Logins {
    /// Waits for the right to use `logins`, which are all those on the way to a target.
    pub(crate) async fn turn(&self, logins: &BTreeSet<String>) -> Result<Turn, Withheld> {
        let mut permits = Vec::with_capacity(logins.len());
        // In the order of their names: whoever waits holds only what comes before.
        for login in logins {
            match self.gate(login).acquire_owned().await {
                Ok(permit) => permits.push((login.clone(), permit)),
                Err(_) => return Err(Withheld(login.clone())),
            }
        }
        Ok(Turn { permits })
    }

    /// Gives back a turn and notes what was learnt.
    pub(crate) fn end(&self, turn: Turn, used: Used<'_>) {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        for (login, permit) in turn.permits {
            let Some(gate) = gates.get_mut(&login) else { continue };
            match used {
                Used::LetIn if !gate.is_proved => {
                    gate.is_proved = true;
                    gate.turns.add_permits(FREE);
                }
                Used::Refused(refused) if refused == login => {
                    permit.forget();
                    gate.refusals += 1;
                    if gate.refusals >= REFUSALS {
                        gate.turns.close();
                    }
                }
                Used::Unknown if !gate.is_proved => gate.turns.add_permits(1),
                Used::LetIn | Used::Refused(_) | Used::Unknown => {}
            }
        }
    }

    fn gate(&self, login: &str) -> Arc<Semaphore> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates.entry(login.to_owned()).or_insert_with(|| Gate {
            turns: Arc::new(Semaphore::new(REFUSALS)),
            refusals: 0,
            is_proved: false,
        });
        Arc::clone(&gate.turns)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    fn logins(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[tokio::test]
    async fn a_login_refused_twice_is_not_used_a_third_time_even_by_those_who_wait() {
        let all = Logins::default();
        let ops = logins(&["ops"]);
        let (first, second) = (all.turn(&ops).await.unwrap(), all.turn(&ops).await.unwrap());
        assert!(timeout(SOON, all.turn(&ops)).await.is_err(), "a third one tries before the first two have an answer");
        let ending = async {
            all.end(first, Used::Refused("ops"));
            tokio::task::yield_now().await;
            all.end(second, Used::Refused("ops"));
        };
        let (waited, ()) = tokio::join!(all.turn(&ops), ending);
        assert_eq!(waited.err(), Some(Withheld("ops".to_owned())));
        assert_eq!(all.turn(&ops).await.err(), Some(Withheld("ops".to_owned())));
    }

    #[tokio::test]
    async fn a_login_that_was_let_in_is_used_everywhere_at_once() {
        let all = Logins::default();
        let ops = logins(&["ops"]);
        let turn = all.turn(&ops).await.unwrap();
        all.end(turn, Used::LetIn);
        let mut held = Vec::new();
        for _ in 0..100 {
            held.push(timeout(SOON, all.turn(&ops)).await.unwrap().unwrap());
        }
    }

    #[tokio::test]
    async fn places_that_do_not_answer_let_more_and_more_try() {
        let all = Logins::default();
        let ops = logins(&["ops"]);
        for _ in 0..3 {
            let turn = all.turn(&ops).await.unwrap();
            all.end(turn, Used::Unknown);
        }
        let mut held = Vec::new();
        for _ in 0..REFUSALS + 3 {
            held.push(timeout(SOON, all.turn(&ops)).await.unwrap().unwrap());
        }
    }

    #[tokio::test]
    async fn a_jump_host_that_refuses_its_login_does_not_count_against_the_targets() {
        let all = Logins::default();
        for _ in 0..REFUSALS {
            let turn = all.turn(&logins(&["jump", "ops"])).await.unwrap();
            all.end(turn, Used::Refused("jump"));
        }
        assert_eq!(all.turn(&logins(&["jump", "ops"])).await.err(), Some(Withheld("jump".to_owned())));
        assert!(timeout(SOON, all.turn(&logins(&["ops"]))).await.unwrap().is_ok());
    }
}
