//! Volumes of the standalone source (API spec 11.1).
//!
//! A volume's image is made, grown and removed by the worker; what is here changes the row, puts the job
//! into the queue in the same transaction, and says which rule stands in the way when one does.

mod record;

pub use record::{Status, Volume};
