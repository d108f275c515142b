//! `GET /cindervault/backups/{id}`.

use catalog::backups::{BackupJob, Status, VerifyResult};
use serde_json::{Value, json};

use crate::call::Call;
use crate::fault::ApiError;
use crate::openapi::{Field, Operation, Shape};
use crate::reply::Reply;
use crate::routes::backups::{find, unknown_backup};

/// How many jobs are shown: the one that runs, what waits behind it, and what was before.
const JOBS: u32 = 10;

static JOB: Shape = Shape::Named(
    "BackupJob",
    &Shape::Record(&[
        Field::new("id", Shape::Uuid),
        Field::new("kind", Shape::Text),
        Field::new("state", Shape::OneOf(&["ready", "running", "done", "failed"])),
        Field::new("step", Shape::OrNull(&Shape::Text)),
        Field::new("attempt", Shape::Integer),
        Field::new("bytes_examined", Shape::Integer),
        Field::new("bytes_copied", Shape::Integer),
        Field::new("bytes_total", Shape::OrNull(&Shape::Integer)),
        Field::new("error", Shape::OrNull(&Shape::Text)),
        Field::new("created_at", Shape::Time),
        Field::new("updated_at", Shape::OrNull(&Shape::Time)),
        Field::new("progress_at", Shape::OrNull(&Shape::Time)),
        Field::new("finished_at", Shape::OrNull(&Shape::Time)),
    ]),
);

static BACKUP: Shape = Shape::Record(&[
    Field::new("id", Shape::Uuid),
    Field::new("status", Shape::Words(|| Status::ALL.iter().map(|status| status.as_str()).collect())),
    Field::new("fail_reason", Shape::OrNull(&Shape::Text)),
    Field::new("verified_at", Shape::OrNull(&Shape::Time)),
    Field::new(
        "verify_result",
        Shape::OrNull(&Shape::Words(|| VerifyResult::ALL.iter().map(|result| result.as_str()).collect())),
    ),
    Field::new("jobs", Shape::List(&JOB)),
]);

pub(super) static SHOW: Operation = Operation::ok(
    "Shows what is known of a backup's data, and its latest jobs, newest first.",
    &Shape::Record(&[Field::new("backup", Shape::Same(&BACKUP))]),
);

pub(super) async fn show(call: Call) -> Result<Reply, ApiError> {
    let backup = find(&call).await?;
    // the jobs first: where one is shown to have ended, what came of it is shown, too
    let jobs = call.catalog().backup_jobs(backup.id, JOBS).await?;
    let known = call.catalog().verification(backup.id).await?.ok_or_else(|| unknown_backup(&call))?;
    Reply::ok(&json!({ "backup": {
        "id": backup.id,
        "status": known.status.as_str(),
        "fail_reason": known.fail_reason,
        "verified_at": known.verified_at,
        "verify_result": known.verify_result.map(VerifyResult::as_str),
        "jobs": jobs.iter().map(job).collect::<Vec<_>>(),
    } }))
}

fn job(job: &BackupJob) -> Value {
    json!({
        "id": job.id,
        "kind": job.kind,
        "state": job.state,
        "step": job.step,
        "attempt": job.attempt,
        "bytes_examined": job.bytes_examined,
        "bytes_copied": job.bytes_copied,
        "bytes_total": job.bytes_total,
        "error": job.error,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "progress_at": job.progress_at,
        "finished_at": job.finished_at,
    })
}
