//! How a running operation is watched and stopped, and how much memory it may use.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use fail_points::Point;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::journal::Journal;

/// A named step of an operation. Recorded before it is taken, so that whoever takes the job over knows how
/// far it may have come; each can be taken again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// Looking at what is there and choosing the parent.
    Plan,
    /// Making the base image of a full backup.
    BaseImage,
    /// Making the marker on the volume.
    SourceSnapshot,
    /// Copying.
    Copy,
    /// Making the snapshot on the base: the commit.
    Commit,
    /// Writing the metadata object.
    Metadata,
    /// Writing the volume in a restore.
    Restore,
    /// Removing the restore point.
    RemovePoint,
    /// Removing the base image.
    RemoveBase,
    /// Removing the marker from the volume.
    RemoveMarker,
}

impl Step {
    /// The step's name in records and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::BaseImage => "base-image",
            Self::SourceSnapshot => "source-snapshot",
            Self::Copy => "copy",
            Self::Commit => "commit",
            Self::Metadata => "metadata",
            Self::Restore => "restore",
            Self::RemovePoint => "remove-point",
            Self::RemoveBase => "remove-base",
            Self::RemoveMarker => "remove-marker",
        }
    }

    /// The fail point at which it is about to be taken.
    fn point(self) -> Point {
        match self {
            Self::Plan => Point::PlanStep,
            Self::BaseImage => Point::BaseImageStep,
            Self::SourceSnapshot => Point::SourceSnapshotStep,
            Self::Copy => Point::CopyStep,
            Self::Commit => Point::CommitStep,
            Self::Metadata => Point::MetadataStep,
            Self::Restore => Point::RestoreStep,
            Self::RemovePoint => Point::RemovePointStep,
            Self::RemoveBase => Point::RemoveBaseStep,
            Self::RemoveMarker => Point::RemoveMarkerStep,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an operation must stop. What it has done so far is left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interrupted {
    /// The job was cancelled.
    #[error("the job was cancelled")]
    Cancelled,
    /// The job is no longer this worker's, or could not be recorded as such.
    #[error("the job is no longer held by this worker")]
    LeaseLost,
}

/// How far a copy has come, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// How much of the image has been dealt with, holes and unchanged parts included.
    pub examined: u64,
    /// How much was written.
    pub copied: u64,
    /// The image's size.
    pub total: u64,
}

/// Records a step before it is taken; an error stops the operation there.
pub type Recorder =
    Box<dyn Fn(Step) -> Pin<Box<dyn Future<Output = std::result::Result<(), Interrupted>> + Send>> + Send + Sync>;

/// Proves that the job is still held, now: an error of any kind means that it could not be proved.
pub type Prover =
    Box<dyn Fn() -> Pin<Box<dyn Future<Output = std::result::Result<(), Interrupted>> + Send>> + Send + Sync>;

/// What an operation is given by whoever drives it.
pub struct Control {
    /// Stops the operation at the next extent.
    pub cancel: CancellationToken,
    /// Where progress is published.
    pub progress: watch::Sender<Progress>,
    /// Bounds the memory of all copies of this worker together.
    pub budget: Budget,
    /// Records steps.
    pub recorder: Recorder,
    /// Asked before something is removed that a successor could have made.
    pub prover: Prover,
    /// Whether there may have been an earlier attempt, which may have left something.
    pub again: bool,
    /// What earlier attempts have finished, and where to record what this one does.
    pub journal: Journal,
    /// Cancelled by the operation when it stops although writes of it may be in flight for good: whoever goes on must
    /// fence this client first.
    pub unsettled: CancellationToken,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("cancelled", &self.cancel.is_cancelled()).finish_non_exhaustive()
    }
}

impl Control {
    /// A control that records nothing and that nobody stops, for tests and tools.
    pub fn unattended(budget: Budget) -> Self {
        Self {
            cancel: CancellationToken::new(),
            progress: watch::Sender::default(),
            budget,
            recorder: Box::new(|_| Box::pin(std::future::ready(Ok(())))),
            prover: Box::new(|| Box::pin(std::future::ready(Ok(())))),
            again: true,
            journal: Journal::none(),
            unsettled: CancellationToken::new(),
        }
    }

    /// Announces a step.
    pub(crate) async fn step(&self, step: Step) -> Result<(), Interrupted> {
        self.check()?;
        tracing::debug!(%step, "chain step");
        (self.recorder)(step).await?;
        fail_points::at(step.point()).map_err(|_| Interrupted::LeaseLost)?;
        self.check() // recording may have taken as long as it takes to lose the job
    }

    /// Makes sure that the job is held, before something is removed that another worker, who took the job over,
    /// may have made.
    ///
    /// # Errors
    /// It is not, or that could not be found out.
    pub async fn prove(&self) -> Result<(), Interrupted> {
        self.check()?;
        (self.prover)().await?;
        self.check()
    }

    /// Whether the operation may go on.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.cancel.is_cancelled() { Err(Interrupted::Cancelled) } else { Ok(()) }
    }
}

/// How many bytes may be in flight between reads and writes, over all copies that share it.
#[derive(Debug, Clone)]
pub struct Budget {
    permits: Arc<Semaphore>,
    total: u32,
}

/// The unit that the budget is counted in, bytes.
const GRAIN: u64 = 4096;

impl Budget {
    /// A budget of `bytes`. At least one whole object of the largest size that RBD allows (32 MiB) fits,
    /// twice, because a comparing copy reads both sides.
    pub fn new(bytes: u64) -> Self {
        let total = u32::try_from(bytes.max(64 << 20) / GRAIN).unwrap_or(u32::MAX >> 4);
        Self { permits: Arc::new(Semaphore::new(total as usize)), total }
    }

    /// Waits until `bytes` are free, and holds them until the permit is dropped. More than the whole counts as
    /// the whole. `None` never comes: a budget is not closed.
    pub async fn take(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let grains = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX).min(self.total);
        self.permits.clone().acquire_many_owned(grains).await.ok()
    }
}
