//! `cindervault fail-points`, in builds that have them.

use std::process::ExitCode;

use crate::output::print;

/// Prints the name of every fail point.
pub(crate) fn run() -> ExitCode {
    print(&fail_points::names().join("\n"));
    ExitCode::SUCCESS
}
