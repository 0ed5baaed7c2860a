//! What others send is read by code that no input ends: neither by a panic, nor by an abort, nor
//! with time or memory beyond bounds.
//!
//! ```sh
//! ESPALIER_FUZZ_SECONDS=600 cargo test --test it fuzz -- --nocapture
//! ```
//!
//! A test and no program of its own, because it is to be built as the tests are: with checks of
//! every addition and index, and without a second build of everything. Each run without the variable
//! takes a second. The inputs are read by a child process, which writes each of them down first: what
//! kills it is found in its note.
//!
//! | variable | meaning |
//! |---|---|
//! | `ESPALIER_FUZZ_SECONDS` | how long (1) |
//! | `ESPALIER_FUZZ_SEED` | the seed of an earlier run, to make its inputs again; not given: another one each time |
//! | `ESPALIER_FUZZ_INPUT` | `TARGET:HEX`: only this input, as a finding printed it |

mod apple;
mod corpus;
mod mutate;
mod targets;
mod worker;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use targets::TARGETS;
use worker::Note;

const SECONDS: &str = "ESPALIER_FUZZ_SECONDS";
const SEED: &str = "ESPALIER_FUZZ_SEED";
const INPUT: &str = "ESPALIER_FUZZ_INPUT";
/// Makes the run of this test one of the child: the folder of its note and its report.
pub const WORKER: &str = "ESPALIER_FUZZ_WORKER";

const NAME: &str = "fuzz::no_input_ends_what_reads_it";
/// More of the processor's time for one input is a finding.
const SLOWEST: Duration = Duration::from_secs(2);
/// So long nothing may happen at all, however busy the machine is.
const SILENCE: Duration = Duration::from_secs(120);

#[test]
fn no_input_ends_what_reads_it() {
    let seconds: f64 = number(SECONDS).unwrap_or(1.0);
    if let Some(folder) = std::env::var_os(WORKER) {
        let folder = Path::new(&folder);
        let seed = number(SEED).expect("the parent gives the seed");
        let span = Duration::from_secs_f64(seconds);
        worker::run(&TARGETS, seed, span, &folder.join("note"), &folder.join("report"));
        return;
    }
    if let Ok(input) = std::env::var(INPUT) {
        one(&input);
        return;
    }
    let seed: u64 = number(SEED).unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ended = watch(start(folder.path(), seed, seconds), folder.path());
    if let Err(what) = ended {
        let note = Note::read(&folder.path().join("note")).unwrap_or_default();
        let target = TARGETS.get(note.target).map_or("?", |target| target.name);
        let hex: String = note.input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{target}: input {} {what}\n{SEED}={seed}\n{INPUT}={target}:{hex}", note.made);
    }
    let report = std::fs::read_to_string(folder.path().join("report")).expect("the report of the child");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    println!("{SEED}={seed}, {seconds} s");
    for (name, told) in report.as_object().expect("an object") {
        println!(
            "{name}: {} inputs, {} of them taken, {} different answers",
            told["inputs"], told["taken"], told["answers"]
        );
        assert!(told["inputs"].as_u64() > told["taken"].as_u64(), "{name}: nothing is refused");
        assert!(told["taken"].as_u64() > Some(0), "{name}: nothing is taken, so nothing deep is reached");
    }
}

fn one(input: &str) {
    let (name, hex) = input.split_once(':').expect("TARGET:HEX");
    let target = TARGETS.iter().find(|target| target.name == name).expect("the name of a target");
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal digits");
    let bytes: Vec<u8> = (0..hex.len() / 2).map(|at| digit(at * 2)).collect();
    println!("{:?}", (target.read)(&bytes));
}

fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

fn start(folder: &Path, seed: u64, seconds: f64) -> Child {
    let file = |name: &str| std::fs::File::create(folder.join(name)).expect("a file in a fresh folder");
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["--exact", NAME, "--nocapture", "--test-threads=1"]);
    command
        .env("RUST_BACKTRACE", "0")
        .env(WORKER, folder)
        .env(SEED, seed.to_string())
        .env(SECONDS, seconds.to_string());
    command.stdin(Stdio::null()).stdout(file("stdout")).stderr(file("stderr"));
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Waits for the end of the child, or ends it; what was wrong.
fn watch(mut child: Child, folder: &Path) -> Result<(), String> {
    let mut since = (None, Duration::ZERO, Instant::now());
    loop {
        if let Some(status) = child.try_wait().expect("it is a child of this process") {
            let said = std::fs::read_to_string(folder.join("stderr")).unwrap_or_default();
            let tail: Vec<&str> = said.lines().rev().take(20).collect();
            let tail: Vec<&str> = tail.into_iter().rev().collect();
            let worked = status.success() && folder.join("report").exists();
            return if worked { Ok(()) } else { Err(format!("ended it ({status}):\n{}", tail.join("\n"))) };
        }
        let made = Note::read(&folder.join("note")).map(|note| note.made);
        let used = processor_time(child.id());
        if since.0 != made {
            since = (made, used, Instant::now());
        } else if made.is_some() && used.saturating_sub(since.1) > SLOWEST || since.2.elapsed() > SILENCE {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("took longer than {} s", SLOWEST.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What a process has used of the processor.
fn processor_time(id: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // The second field is the program's name, with whatever characters it has.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    // SAFETY: reads a constant of the system.
    let per_second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    let per_second = u64::try_from(per_second).unwrap_or(100).max(1);
    Duration::from_millis((ticks(11) + ticks(12)) * 1000 / per_second)
}

/// The guard guarded: it sees what ends a reader, what never ends, and what wants too much.
mod guard {
    use super::*;

    fn ended_by(reader: fn(&[u8]) -> Result<String, String>, name: &str) -> String {
        let target = targets::Target { name: "guarded", read: reader, corpus: corpus::any };
        if let Some(folder) = std::env::var_os(WORKER) {
            let folder = Path::new(&folder);
            worker::run(&[target], 1, Duration::from_secs(60), &folder.join("note"), &folder.join("report"));
            unreachable!("the reader ends this process");
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        command.env("RUST_BACKTRACE", "0").env(WORKER, folder.path());
        let stderr = std::fs::File::create(folder.path().join("stderr")).expect("a file in a fresh folder");
        let child = command.stdout(Stdio::null()).stderr(stderr).spawn().expect("this program once more");
        let what = watch(child, folder.path()).expect_err("the reader is seen to fail");
        let note = Note::read(&folder.path().join("note")).expect("a note");
        assert_eq!(note.input, b"any", "the first input is the one that is written down");
        what
    }

    #[test]
    fn a_panic_is_seen() {
        let what = ended_by(|_| panic!("out of its depth"), "fuzz::guard::a_panic_is_seen");
        assert!(what.contains("out of its depth"), "{what}");
    }

    #[test]
    fn an_overflow_of_the_stack_is_seen() {
        #[expect(unconditional_recursion, reason = "that is what is tried")]
        fn deeper(_depth: u64) -> u64 {
            std::hint::black_box(deeper(_depth + 1)) + 1
        }
        let name = "fuzz::guard::an_overflow_of_the_stack_is_seen";
        let what = ended_by(|_| Ok(deeper(0).to_string()), name);
        assert!(what.contains("overflowed its stack"), "{what}");
    }

    #[test]
    fn a_reader_that_does_not_end_is_seen() {
        let reader = |input: &[u8]| {
            while std::hint::black_box(input.len()) == 3 {}
            Ok(String::new())
        };
        let what = ended_by(reader, "fuzz::guard::a_reader_that_does_not_end_is_seen");
        assert!(what.contains("took longer"), "{what}");
    }

    #[test]
    fn a_reader_that_wants_too_much_memory_is_seen() {
        let reader = |input: &[u8]| Ok(std::hint::black_box(vec![1u8; input.len() << 28]).len().to_string());
        let what = ended_by(reader, "fuzz::guard::a_reader_that_wants_too_much_memory_is_seen");
        assert!(what.contains("memory allocation"), "{what}");
    }
}
