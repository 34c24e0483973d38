//! Makes captures of the framed output of a session's script, as it arrives.
//!
//! Frames on standard output: `h PID UID CLOCK FINE` hello, `b INDEX CLOCK` a probe begins, `e INDEX STATUS` it ended by
//! itself, `z INDEX CLOCK LIMIT_HIT [PID…]` no more comes of it, `u [PID…]` it was ended from outside, `q WHY` the script
//! ends. Standard error has `b`, `z` and `q` of its own, so that the two streams need no order between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use super::kept::Kept;
use super::scan::{Scan, Token};
use super::{Answer, FailureKind, TransportError};
use crate::model::probe::FailKind;
use crate::model::{Capture, Ended, Message, Untrusted};

/// How much of what comes before the script speaks is kept, to tell what spoke instead.
const NOISE_BYTES: usize = 600;

/// A probe whose output is to come.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// Id of its [`super::Asked`].
    pub(super) id: usize,
    /// Name of the capture.
    pub(super) name: String,
    /// Its time limit.
    pub(super) limit: Duration,
}

/// What the script says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    /// Process id of its shell.
    pub(super) pid: i32,
    /// User that it runs as.
    pub(super) uid: u32,
}

/// Why the script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// All probes were asked.
    Done,
    /// The session's limit was reached.
    Limit,
    /// It was told to end, or its line was cut.
    Ended,
}

/// Which stream bytes came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// The reader of both streams of one script.
#[derive(Debug)]
pub(super) struct Frames {
    out: Scan,
    err: Scan,
    book: Book,
}

/// What the frames so far have said.
#[derive(Debug)]
struct Book {
    cap: usize,
    expected: Vec<Expected>,
    hello: Option<(Hello, Clock)>,
    speaking: [Option<usize>; 2],
    parts: BTreeMap<usize, Part>,
    noise: Kept,
    finish: [Option<Finish>; 2],
    still_running: Vec<i32>,
    fault: Option<String>,
    answers: Vec<Answer>,
}

/// The target's clock against ours.
#[derive(Clone, Copy, Debug)]
struct Clock {
    ours: DateTime<Utc>,
    theirs_cs: i64,
    fine: bool,
}

/// One probe, half told.
#[derive(Debug)]
struct Part {
    arrived: (DateTime<Utc>, Instant),
    begun_cs: Option<i64>,
    out: Kept,
    err: Kept,
    status: Option<i32>,
    closed: Option<Closed>,
    err_closed: bool,
}

#[derive(Clone, Copy, Debug)]
struct Closed {
    clock_cs: i64,
    limit_hit: bool,
    arrived: Instant,
}

impl Frames {
    /// A reader of a script whose frames bear `mark`, keeping `cap` bytes of each stream of each probe.
    pub(super) fn new(mark: &str, expected: Vec<Expected>, cap: usize) -> Self {
        let book = Book {
            cap,
            expected,
            hello: None,
            speaking: [None; 2],
            parts: BTreeMap::new(),
            noise: Kept::new(NOISE_BYTES),
            finish: [None; 2],
            still_running: Vec::new(),
            fault: None,
            answers: Vec::new(),
        };
        Self { out: Scan::new(mark), err: Scan::new(mark), book }
    }

    /// Takes in what came on a stream and hands back the captures that it completed.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) -> Result<Vec<Answer>, TransportError> {
        let now = (Utc::now(), Instant::now());
        let scan = match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        };
        let scanned = scan.push(bytes, |token| self.book.take(stream, token, now));
        if scanned.is_err() {
            self.book.fault = Some("a frame without end".to_owned());
        }
        match self.book.fault.take() {
            Some(fault) => Err(TransportError::new(FailureKind::Protocol, Message::Protocol { detail: Untrusted::new(fault) })),
            None => Ok(std::mem::take(&mut self.book.answers)),
        }
    }

    /// What the script said of itself, once it has.
    pub(super) fn hello(&self) -> Option<Hello> {
        self.book.hello.map(|(hello, _)| hello)
    }

    /// Why it ended, once it has on both streams.
    pub(super) fn finish(&self) -> Option<Finish> {
        let [out, err] = self.book.finish;
        err.and(out)
    }

    /// Processes that could not be ended.
    pub(super) fn still_running(&self) -> &[i32] {
        &self.book.still_running
    }

    /// What came before, or instead of, the script's hello.
    pub(super) fn into_noise(mut self) -> Untrusted {
        let now = (Utc::now(), Instant::now());
        self.out.finish(|token| self.book.take(Stream::Out, token, now));
        self.err.finish(|token| self.book.take(Stream::Err, token, now));
        Untrusted::from_bytes(&self.book.noise.into_parts().0)
    }
}

impl Book {
    fn take(&mut self, stream: Stream, token: Token<'_>, now: (DateTime<Utc>, Instant)) {
        match token {
            Token::Data(bytes) => self.data(stream, bytes),
            Token::Frame(words) => {
                let words = String::from_utf8_lossy(words).into_owned();
                if self.frame(stream, &words, now).is_none() {
                    self.fault = Some(format!("a frame that means nothing: {words}"));
                }
            }
        }
    }

    fn data(&mut self, stream: Stream, bytes: &[u8]) {
        match self.speaking[stream as usize].and_then(|index| self.parts.get_mut(&index)) {
            Some(part) if stream == Stream::Out => part.out.push(bytes),
            Some(part) => part.err.push(bytes),
            // What a login shell prints before, or says instead.
            None if self.hello.is_none() => self.noise.push(bytes),
            None => {}
        }
    }

    fn frame(&mut self, stream: Stream, words: &str, now: (DateTime<Utc>, Instant)) -> Option<()> {
        let mut words = words.split(' ');
        let kind = words.next()?;
        match (kind, stream) {
            ("h", Stream::Out) => {
                let hello = Hello { pid: words.next()?.parse().ok()?, uid: words.next()?.parse().ok()? };
                let clock = Clock { ours: now.0, theirs_cs: words.next()?.parse().ok()?, fine: words.next()? == "1" };
                self.hello = Some((hello, clock));
            }
            ("b", _) => {
                let index = self.index(words.next()?)?;
                let part = self.parts.entry(index).or_insert_with(|| Part::new(now, self.cap));
                if stream == Stream::Out {
                    part.begun_cs = Some(words.next()?.parse().ok()?);
                    part.arrived = now;
                }
                self.speaking[stream as usize] = Some(index);
            }
            ("e", Stream::Out) => {
                let part = self.parts.get_mut(&words.next()?.parse().ok()?)?;
                part.status = match words.next()? {
                    "-" => None,
                    status => Some(status.parse().ok()?),
                };
            }
            ("z", _) => {
                let index = self.index(words.next()?)?;
                let part = self.parts.get_mut(&index)?;
                if stream == Stream::Out {
                    let clock_cs = words.next()?.parse().ok()?;
                    part.closed = Some(Closed { clock_cs, limit_hit: words.next()? == "1", arrived: now.1 });
                    self.still_running.extend(words.filter_map(|pid| pid.parse::<i32>().ok()));
                } else {
                    part.err_closed = true;
                }
                self.speaking[stream as usize] = None;
                self.complete(index);
            }
            ("u", Stream::Out) => self.still_running.extend(words.filter_map(|pid| pid.parse::<i32>().ok())),
            ("q", _) => {
                self.speaking[stream as usize] = None;
                self.finish[stream as usize] = Some(match words.next()? {
                    "done" => Finish::Done,
                    "limit" => Finish::Limit,
                    "ended" => Finish::Ended,
                    _ => return None,
                });
            }
            _ => return None,
        }
        Some(())
    }

    fn index(&self, word: &str) -> Option<usize> {
        word.parse().ok().filter(|&index| index < self.expected.len())
    }

    fn complete(&mut self, index: usize) {
        if !self.parts.get(&index).is_some_and(|part| part.err_closed && part.closed.is_some()) {
            return;
        }
        let (Some(part), Some(expected)) = (self.parts.remove(&index), self.expected.get(index)) else { return };
        let clock = self.hello.map(|(_, clock)| clock);
        self.answers.push((expected.id, part.into_capture(expected, clock)));
    }
}

impl Part {
    const fn new(arrived: (DateTime<Utc>, Instant), cap: usize) -> Self {
        Self { arrived, begun_cs: None, out: Kept::new(cap), err: Kept::new(cap), status: None, closed: None, err_closed: false }
    }

    fn into_capture(self, expected: &Expected, clock: Option<Clock>) -> Capture {
        let (out, out_cut) = self.out.into_parts();
        let (err, err_cut) = self.err.into_parts();
        let limit_hit = self.closed.is_some_and(|closed| closed.limit_hit);
        let ended = match self.status {
            _ if limit_hit => Ended::TimedOut { limit_ms: u64::try_from(expected.limit.as_millis()).unwrap_or(u64::MAX) },
            Some(status) => Ended::Exit { status },
            None => Ended::Failed { kind: FailKind::Other, detail: Untrusted::new("it was killed on the target") },
        };
        // The target's own clock is exact even when the line is slow; only its seconds are too coarse.
        let told = clock.filter(|clock| clock.fine).zip(self.begun_cs).zip(self.closed);
        let (at, took_ms) = match told {
            Some(((clock, begun), closed)) => {
                let at = clock.ours + TimeDelta::milliseconds(begun.saturating_sub(clock.theirs_cs).saturating_mul(10).clamp(0, DAY_MS));
                (at, u64::try_from(closed.clock_cs.saturating_sub(begun).saturating_mul(10)).unwrap_or(0))
            }
            None => {
                let took = self.closed.map_or(Duration::ZERO, |closed| closed.arrived.saturating_duration_since(self.arrived.1));
                (self.arrived.0, u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
            }
        };
        Capture { probe: expected.name.clone(), variant: None, at, took_ms, ended, out, err, cut: out_cut || err_cut }
    }
}

/// No session lasts longer: a clock that says so is wrong.
const DAY_MS: i64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Frames {
        let expected = |id, name: &str| Expected { id, name: name.to_owned(), limit: Duration::from_secs(3) };
        Frames::new("m", vec![expected(7, "df"), expected(9, "id")], 64)
    }

    fn out(frames: &mut Frames, text: &str) -> Vec<Answer> {
        frames.take(Stream::Out, text.replace('@', "\u{1e}m ").as_bytes()).unwrap()
    }

    fn err(frames: &mut Frames, text: &str) -> Vec<Answer> {
        frames.take(Stream::Err, text.replace('@', "\u{1e}m ").as_bytes()).unwrap()
    }

    #[test]
    fn a_capture_is_whole_once_both_streams_have_closed_it() {
        let mut frames = frames();
        assert!(out(&mut frames, "@h 11 1000 500 1\n@b 0 600\nsize@e 0 3\n@z 0 650 0\n").is_empty());
        let answers = err(&mut frames, "@b 0\noops\n@z 0\n");
        let (id, capture) = &answers[0];
        assert_eq!((*id, &*capture.probe, &*capture.out, &*capture.err), (7, "df", &b"size"[..], &b"oops\n"[..]));
        assert_eq!((&capture.ended, capture.took_ms, capture.cut), (&Ended::Exit { status: 3 }, 500, false));
        assert_eq!(frames.hello(), Some(Hello { pid: 11, uid: 1000 }));
    }

    #[test]
    fn a_probe_that_hit_its_limit_timed_out_and_keeps_what_came() {
        let mut frames = frames();
        out(&mut frames, "@h 11 0 0 1\n@b 1 0\npart@e 1 143\n@z 1 300 1 4711\n");
        let answers = err(&mut frames, "@b 1\n@z 1\n");
        assert_eq!(answers[0].1.ended, Ended::TimedOut { limit_ms: 3000 });
        assert_eq!(answers[0].1.out, b"part");
        assert_eq!(frames.still_running(), [4711]);
    }

    #[test]
    fn a_probe_that_was_killed_has_no_status() {
        let mut frames = frames();
        out(&mut frames, "@h 11 0 0 1\n@b 0 0\n@z 0 300 0\n");
        assert!(matches!(err(&mut frames, "@b 0\n@z 0\n")[0].1.ended, Ended::Failed { .. }));
    }

    #[test]
    fn a_probe_that_is_not_closed_gives_no_capture() {
        let mut frames = frames();
        out(&mut frames, "@h 11 0 0 1\n@b 0 0\nhalf@e 0 0\n@u\n@q ended\n");
        assert!(err(&mut frames, "@b 0\n@q ended\n").is_empty());
        assert_eq!(frames.finish(), Some(Finish::Ended));
    }

    #[test]
    fn what_spoke_instead_of_the_script_is_told() {
        let mut frames = frames();
        out(&mut frames, "This account is currently not available.\n");
        assert_eq!(frames.into_noise().raw(), "This account is currently not available.\n");
    }

    #[test]
    fn frames_that_mean_nothing_are_a_fault() {
        for words in ["b 2 0", "e 0 0", "z 0 0 0", "q why", "x", "b"] {
            assert!(frames().take(Stream::Out, format!("\u{1e}m {words}\n").as_bytes()).is_err(), "{words}");
        }
    }
}
