//! `cindervault openapi`.

use std::process::ExitCode;

use crate::output::print;

/// Prints the description of the REST API.
pub(crate) fn run() -> ExitCode {
    print(api::openapi().trim_end());
    ExitCode::SUCCESS
}
