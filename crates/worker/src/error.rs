//! Why a job did not do what it was to do.

/// A job that did not end well.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The operation failed; the text is for the user.
    #[error("{0}")]
    Failed(String),
    /// The chain failed or was interrupted.
    #[error(transparent)]
    Chain(#[from] chain::Error),
    /// Ceph failed.
    #[error(transparent)]
    Ceph(#[from] rbd::Error),
    /// The catalogue failed.
    #[error("the catalogue could not be read or written")]
    Catalog(#[from] catalog::Error),
}

impl JobError {
    /// Whether Ceph has refused the job because this worker's connection is fenced.
    pub(crate) fn is_fenced(&self) -> bool {
        match self {
            Self::Ceph(error) | Self::Chain(chain::Error::Ceph(error)) => error.errno == rbd::Errno::BLOCKLISTED,
            _ => false,
        }
    }

    /// Whether the job was stopped from outside.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self, Self::Chain(error) if error.is_interruption())
    }
}
