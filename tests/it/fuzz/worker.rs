//! The process that is put at risk: it writes down each input, then reads it.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::mutate::{Chance, mutated};
use super::targets::{Group, Target};

/// More memory than this beyond what the process begins with is a finding.
const MEMORY: u64 = 128 << 20;
/// Inputs that were answered in a new way are kept, so many per group at most.
const POOL: usize = 2000;
/// Bytes before an input in the note: how many were made, its length, its target.
const HEAD: usize = 24;

/// What the worker was reading.
#[derive(Debug, Default)]
pub struct Note {
    /// How many inputs were read before it.
    pub made: u64,
    /// The position of its target.
    pub target: usize,
    /// The input.
    pub input: Vec<u8>,
}

impl Note {
    /// The note as it is now; `None` before the first input.
    pub fn read(file: &Path) -> Option<Self> {
        let bytes = std::fs::read(file).ok()?;
        let number = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let length = usize::try_from(number(8)?).ok()?;
        Some(Self {
            made: number(0)?,
            target: usize::try_from(number(16)?).ok()?,
            input: bytes.get(HEAD..HEAD + length)?.to_vec(),
        })
    }

    fn write(file: &File, made: u64, target: usize, input: &[u8]) {
        let mut bytes = Vec::with_capacity(HEAD + input.len());
        for number in [made, input.len() as u64, target as u64] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(input);
        file.write_all_at(&bytes, 0).expect("a note in the test's own folder");
    }
}

/// What was read of one target.
#[derive(Debug, Default)]
struct Tally {
    inputs: u64,
    taken: u64,
    answers: HashSet<String>,
    pools: Vec<Pool>,
}

/// The inputs of a group that others are made of.
#[derive(Debug, Default)]
struct Pool {
    all: Vec<Vec<u8>>,
    /// Those that were taken: what is made of them gets further.
    good: Vec<Vec<u8>>,
}

impl Pool {
    fn keep(&mut self, input: &[u8], is_good: bool, is_new: bool) {
        if is_new && self.all.len() < POOL {
            self.all.push(input.to_vec());
        }
        if is_good && (is_new || self.good.len() < POOL / 4) && self.good.len() < POOL {
            self.good.push(input.to_vec());
        }
    }
}

/// Reads inputs by chance for so long; what was done goes to `report`.
pub fn run(targets: &[Target], seed: u64, span: Duration, note: &Path, report: &Path) {
    let file = File::options().create(true).truncate(true).write(true).open(note).expect("a note");
    let mut chance = Chance::new(seed);
    let groups: Vec<Vec<Group>> = targets.iter().map(|target| (target.corpus)()).collect();
    let mut tallies: Vec<Tally> = groups
        .iter()
        .map(|groups| Tally {
            pools: groups.iter().map(|group| Pool { all: group.inputs.clone(), good: Vec::new() }).collect(),
            ..Tally::default()
        })
        .collect();
    bound_memory();
    let mut made = 0;
    // What somebody wrote comes first, unchanged.
    for (at, (target, groups)) in targets.iter().zip(&groups).enumerate() {
        for (which, group) in groups.iter().enumerate() {
            for seed in &group.inputs {
                let input = (group.wrap)(seed);
                Note::write(&file, made, at, &input);
                let (is_good, _) = tallies[at].count((target.read)(&input));
                tallies[at].pools[which].keep(seed, is_good, false);
                made += 1;
            }
        }
    }
    let end = Instant::now() + span;
    while Instant::now() < end {
        let at = chance.below(targets.len());
        let which = chance.below(groups[at].len());
        let pool = &tallies[at].pools[which];
        let is_any = pool.good.is_empty() || chance.below(4) == 0;
        let changed = mutated(&mut chance, if is_any { &pool.all } else { &pool.good }, &pool.all);
        let input = (groups[at][which].wrap)(&changed);
        Note::write(&file, made, at, &input);
        let (is_good, is_new) = tallies[at].count((targets[at].read)(&input));
        tallies[at].pools[which].keep(&changed, is_good, is_new);
        made += 1;
    }
    let done: BTreeMap<&str, Value> = targets
        .iter()
        .zip(&tallies)
        .map(|(target, tally)| {
            let told = json!({
                "inputs": tally.inputs, "taken": tally.taken, "answers": tally.answers.len(),
            });
            (target.name, told)
        })
        .collect();
    std::fs::write(report, json!(done).to_string()).expect("a report in the test's own folder");
}

impl Tally {
    /// Counts an answer: whether the input was taken, and whether nobody heard that answer before.
    fn count(&mut self, answer: Result<String, String>) -> (bool, bool) {
        let is_good = answer.is_ok();
        self.inputs += 1;
        self.taken += u64::from(is_good);
        // Which number it was about makes no other answer.
        let words = |text: String| text.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>();
        let kind = match answer {
            Ok(text) => format!("taken: {}", words(text)),
            Err(text) => words(text),
        };
        (is_good, self.answers.len() < POOL && self.answers.insert(kind))
    }
}

/// From now on this process gets so much memory and no more: what wants it dies of it.
fn bound_memory() {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("the sizes of this process");
    let pages: u64 = pages.split(' ').next().and_then(|size| size.parse().ok()).expect("a number of pages");
    // SAFETY: reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let bytes = pages * u64::try_from(page).expect("pages have a size") + MEMORY;
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: the struct is whole, and outlives the call.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(set, 0, "the memory can be bounded");
}
