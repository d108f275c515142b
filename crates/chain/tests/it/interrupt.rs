//! Stops an operation at a chosen place.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chain::{Budget, Control, Interrupted, Progress, Recorder, Result, Step};
use tokio_util::sync::CancellationToken;

/// Where and how an operation is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// The step announced as the n-th (from 0) can not be recorded: it is not taken.
    RefuseStep(usize),
    /// The job is cancelled while the n-th step is being recorded: it begins, and stops where it looks.
    CancelAtStep(usize),
    /// The job is cancelled when the copy has looked at so many bytes.
    CancelAfter(u64),
    /// Nobody waits for the operation any more when the copy has looked at so many bytes.
    DropAfter(u64),
}

/// How an interrupted operation ended.
#[derive(Debug)]
pub(crate) enum End<T> {
    /// It came to its end, well or not.
    Came(Result<T>),
    /// It was dropped under way.
    Dropped,
}

impl<T> End<T> {
    /// The result of an operation that did not notice; `None` for one that was stopped. Any other failure is a
    /// failure of the test.
    pub(crate) fn unnoticed(self) -> Option<T> {
        match self {
            Self::Came(Ok(done)) => Some(done),
            Self::Came(Err(error)) => {
                assert!(error.is_interruption(), "an interrupted operation failed of another reason: {error}");
                None
            }
            Self::Dropped => None,
        }
    }
}

/// A control that interrupts.
fn control(budget: &Budget, interruption: Option<Interruption>) -> Control {
    let cancel = CancellationToken::new();
    let (token, announced) = (cancel.clone(), Arc::new(AtomicUsize::new(0)));
    let recorder: Recorder = Box::new(move |_: Step| {
        let nth = announced.fetch_add(1, Ordering::Relaxed);
        let answer = match interruption {
            Some(Interruption::RefuseStep(refused)) if refused == nth => Err(Interrupted::LeaseLost),
            Some(Interruption::CancelAtStep(cancelled)) if cancelled == nth => {
                token.cancel();
                Ok(())
            }
            _ => Ok(()),
        };
        Box::pin(std::future::ready(answer))
    });
    Control { cancel, recorder, ..Control::unattended(budget.clone()) }
}

/// Drives an operation and stops it there.
pub(crate) async fn interrupted<T>(
    budget: &Budget,
    interruption: Interruption,
    operation: impl AsyncFnOnce(&Control) -> Result<T>,
) -> End<T> {
    let control = control(budget, Some(interruption));
    let (bytes, dropped) = match interruption {
        Interruption::RefuseStep(_) | Interruption::CancelAtStep(_) => return End::Came(operation(&control).await),
        Interruption::CancelAfter(bytes) => (bytes, false),
        Interruption::DropAfter(bytes) => (bytes, true),
    };
    let mut progress = control.progress.subscribe();
    let mut work = Box::pin(operation(&control));
    tokio::select! {
        // looked at first, so that a copy that has come so far does not get to its next step
        biased;
        seen = progress.wait_for(|now: &Progress| now.total > 0 && now.examined >= bytes) => {
            drop(seen.unwrap());
        }
        result = &mut work => return End::Came(result),
    }
    if dropped {
        return End::Dropped;
    }
    control.cancel.cancel();
    End::Came(work.await)
}

/// Drives an operation to its end.
pub(crate) async fn undisturbed<T>(budget: &Budget, operation: impl AsyncFnOnce(&Control) -> Result<T>) -> Result<T> {
    operation(&control(budget, None)).await
}

/// The steps that an operation announces, in order.
pub(crate) fn recording(budget: &Budget) -> (Control, Arc<std::sync::Mutex<Vec<Step>>>) {
    let steps = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = steps.clone();
    let recorder: Recorder = Box::new(move |step| {
        seen.lock().unwrap().push(step);
        Box::pin(std::future::ready(Ok(())))
    });
    let control = Control { recorder, ..Control::unattended(budget.clone()) };
    (control, steps)
}
