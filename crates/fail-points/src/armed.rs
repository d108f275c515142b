//! What a point does that is armed.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};

use crate::Injected;

/// The directory, where there is one.
fn directory() -> Option<&'static Path> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIRECTORY.get_or_init(|| std::env::var_os("CINDERVAULT_FAIL_POINTS").map(PathBuf::from)).as_deref()
}

/// Passes the point of this name.
pub(crate) fn pass(name: &str) -> Result<(), Injected> {
    let Some(directory) = directory() else { return Ok(()) };
    trace(directory, name);
    match action(directory, name).as_deref() {
        None => Ok(()),
        Some("kill") => {
            send(Signal::KILL);
            // it takes a moment to arrive, in which nothing may happen
            loop {
                std::thread::park();
            }
        }
        Some("pause") => {
            send(Signal::STOP);
            // here, too; after SIGCONT what is left of this is all that is waited for
            std::thread::park_timeout(Duration::from_millis(100));
            Ok(())
        }
        Some(_) => Err(Injected(())),
    }
}

fn send(signal: Signal) {
    // one's own process can always be sent a signal
    let _ = kill_process(getpid(), signal);
}

fn trace(directory: &Path, name: &str) {
    if let Ok(mut file) = OpenOptions::new().append(true).open(directory.join("trace")) {
        // one write, so that processes do not write into each other's lines
        let _ = file.write_all(format!("{name}\n").as_bytes());
    }
}

/// What is to be done now, if anything is. Counts the point down until then.
fn action(directory: &Path, name: &str) -> Option<String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let armed = directory.join("armed").join(name);
    if !armed.exists() {
        return None;
    }
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let text = fs::read_to_string(&armed).ok()?;
    let (left, action) = text.trim().split_once(' ')?;
    let left: u64 = left.parse().ok()?;
    if left > 1 {
        replace(directory, "armed", name, &format!("{} {action}", left - 1));
        return None;
    }
    // whoever removes it does it; another process may have been faster
    fs::remove_file(&armed).ok()?;
    replace(directory, "fired", name, &std::process::id().to_string());
    Some(action.to_owned())
}

/// Writes a file of `kind` that is there as a whole or not at all.
fn replace(directory: &Path, kind: &str, name: &str, text: &str) {
    let new = directory.join(format!("new-{kind}-{name}"));
    if File::create(&new).and_then(|mut file| file.write_all(text.as_bytes())).is_ok() {
        let _ = fs::rename(&new, directory.join(kind).join(name));
    }
}
