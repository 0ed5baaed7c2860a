//! Runs a program to its end and tells what it cost.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::Failure;

/// What a process cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// User and system time of the process and all its threads.
    pub cpu: Duration,
    /// From its start to its end.
    pub wall: Duration,
    /// The most memory that was resident, in bytes.
    pub memory: u64,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Cost {
    /// Processor seconds.
    pub fn seconds(&self) -> f64 {
        self.cpu.as_secs_f64()
    }

    /// The cheaper of two runs of the same, by processor time; with the lesser memory of both.
    pub fn cheaper(self, other: Self) -> Self {
        let memory = self.memory.min(other.memory);
        Self { memory, ..if other.cpu < self.cpu { other } else { self } }
    }

    /// Resident memory in MiB.
    pub fn mebibytes(&self) -> f64 {
        self.memory as f64 / 1024.0 / 1024.0
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Result<Cost, Failure> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let begun = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut streams = (child.stdout.take(), child.stderr.take());
    let complaints = std::thread::spawn(move || text(streams.1.as_mut()));
    let stdout = text(streams.0.as_mut());
    let stderr = complaints.join().unwrap_or_default();
    // `Child::wait` does not tell the cost; the child is not touched after this.
    let (status, usage) = wait(child.id())?;
    let wall = begun.elapsed();
    let span = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    let cpu = span(usage.ru_utime) + span(usage.ru_stime);
    Ok(Cost { cpu, wall, memory: usage.ru_maxrss as u64 * 1024, status, stdout, stderr })
}

/// Runs a command to its end, which has to be one of `codes`.
pub fn expect(command: &mut Command, codes: &[i32]) -> Result<Cost, Failure> {
    let cost = run(command)?;
    match cost.status.code() {
        Some(code) if codes.contains(&code) => Ok(cost),
        _ => Err(format!("{command:?} ended with {}:\n{}{}", cost.status, cost.stdout, cost.stderr).into()),
    }
}

/// The middle of several runs, by processor time, with the middle of the wall times.
pub fn median(times: usize, mut one: impl FnMut() -> Result<Cost, Failure>) -> Result<Cost, Failure> {
    let mut all = (0..times.max(1)).map(|_| one()).collect::<Result<Vec<_>, _>>()?;
    all.sort_by_key(|cost| cost.wall);
    let wall = all[all.len() / 2].wall;
    all.sort_by_key(|cost| cost.cpu);
    let middle = all.len() / 2;
    Ok(Cost { wall, ..all.swap_remove(middle) })
}

fn text(stream: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // A stream that breaks off is seen in how the process ended.
        let _ = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn wait(id: u32) -> Result<(ExitStatus, libc::rusage), Failure> {
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    loop {
        // SAFETY: both pointers are to live values of the types that the call fills.
        let waited = unsafe { libc::wait4(id as libc::pid_t, &mut status, 0, usage.as_mut_ptr()) };
        if waited >= 0 {
            // SAFETY: zeroed before, and filled by the call.
            return Ok((ExitStatus::from_raw(status), unsafe { usage.assume_init() }));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error.into());
        }
    }
}
