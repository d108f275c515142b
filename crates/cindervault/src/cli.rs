//! The command line.

use std::path::PathBuf;

use catalog::BackupId;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where the configuration is looked for.
const DEFAULT_CONFIG: &str = "/etc/cindervault/cindervault.toml";

/// Backs OpenStack volumes up, from Ceph to Ceph.
///
/// Cindervault answers Cinder's backup API and moves the data itself: full and incremental backups as chains
/// of RBD snapshots, in the layout of Cinder's own Ceph driver.
///
/// A first look:
///   cindervault --config FILE check     is everything there, with the rights that are needed?
///   cindervault --config FILE serve     API and worker in one process
#[derive(Debug, Parser)]
#[command(version, verbatim_doc_comment, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The configuration file (TOML). Every key can also be given as CINDERVAULT__SECTION__KEY in the environment.
    #[arg(short, long, global = true, env = "CINDERVAULT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the API and a worker in one process.
    ///
    /// Brings the database's schema up to date, looks whether both pools can be used, and then serves until
    /// SIGTERM. The first SIGTERM drains: no new requests or jobs, running ones get time to end, what does not
    /// end goes back to the queue. A second one ends the process at once.
    Serve,
    /// Run only the API.
    Api,
    /// Run only a worker. Start as many as you like, on as many machines.
    Worker,
    /// Bring the database's schema up to date, and end.
    Migrate,
    /// Cancel the create of a backup, or a restore of it, and wait until that has ended.
    ///
    /// What was written of the backup is removed, its volume is as before, and the backup is `error`. A restore leaves the
    /// backup as it is and the volume, whose content is not to be used, in `error_restoring`.
    ///
    /// Ends with 0 when it has ended, with 1 when there was nothing to cancel, with 2 when it had not ended in time: it
    /// ends as soon as its worker, or whoever takes the job over, can reach Ceph.
    Cancel {
        /// The backup's id.
        backup: BackupId,
        /// How long to wait for the end, seconds.
        #[arg(long, default_value_t = 30, value_name = "SECONDS")]
        wait: u64,
    },
    /// Look whether Keystone, the database and both pools can be used, and say what is missing.
    ///
    /// Ends with 0 when all is well, with 1 when something is missing.
    Check {
        /// How to print the result.
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Compare the records with what is on Ceph, and repair what is provably ours.
    ///
    /// Finds markers, restore points, bases and metadata objects that no backup needs, backups whose data is gone,
    /// statuses that no job will ever change, and more; docs/operating.md says of each class what it means. For each it
    /// prints why it is thought so, what came of it, and the command that clears it by hand. What can not be proved to
    /// be ours, and what is younger than a job in the queue, is reported and never touched. Works beside running workers.
    ///
    /// A first look that changes nothing:
    ///   cindervault reconcile --dry-run
    ///
    /// Ends with 0 when nothing is left to be done, with 1 when something is.
    #[command(verbatim_doc_comment)]
    Reconcile {
        /// Change nothing; say what would be repaired.
        #[arg(short = 'n', long)]
        dry_run: bool,
        /// How to print what was found.
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Read a backup back and compare it with the checksums that were recorded when it was made.
    ///
    /// Also with the volume's own snapshot, while there is one. Works beside running workers; the result is recorded, and
    /// a damaged backup is marked, as when a worker finds it.
    ///
    /// Ends with 0 when the data is what was backed up, with 1 when a backup is damaged, with 2 when it could not be told.
    Verify {
        /// The backup's id.
        #[arg(required_unless_present = "all")]
        backup: Option<BackupId>,
        /// All that are available, the one first that was not read for longest.
        #[arg(long, conflicts_with = "backup")]
        all: bool,
        /// How to print the result.
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Print the description of the REST API (OpenAPI 3.1). Needs no configuration.
    Openapi,
    /// Print the names of the fail points. Needs no configuration.
    #[cfg(feature = "failpoints")]
    #[command(hide = true)]
    FailPoints,
    /// Look at the rules that say who may do what.
    Policy {
        /// What of them.
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

/// What of the rules.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Show every rule in force, and whether it is a default or from the policy file.
    List {
        /// How to print the rules.
        #[arg(short, long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Ask one rule about a caller that is made up.
    ///
    /// Ends with 0 when the caller passes, with 1 when not, with 2 when there is no such rule.
    Check(PolicyQuestion),
}

/// A rule, a caller and what the caller would do it to.
#[derive(Debug, Args)]
pub(crate) struct PolicyQuestion {
    /// The rule, as in `backup:create`.
    #[arg(long)]
    pub rule: String,
    /// The caller's roles, separated by commas. Keystone counts a member as a reader as well; this does not.
    #[arg(long, value_delimiter = ',')]
    pub roles: Vec<String>,
    /// The project of the caller's token.
    #[arg(long)]
    pub project: Option<String>,
    /// The caller.
    #[arg(long, default_value = "somebody")]
    pub user: String,
    /// The project that the thing belongs to; the caller's when it is not given.
    #[arg(long)]
    pub target_project: Option<String>,
    /// The user who made the thing; the caller when it is not given.
    #[arg(long)]
    pub target_user: Option<String>,
    /// How to print the answer.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

impl Cli {
    /// The configuration file: as asked for, or the usual one.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| DEFAULT_CONFIG.into())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
