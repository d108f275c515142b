//! Waiting until no write of a copy is in flight any more.

use std::time::Duration;

use futures_util::pin_mut;
use rbd::Image;

use crate::control::{Control, Interrupted};
use crate::error::Result;
use crate::mutation;

/// How long the image of a copy that is to stop may leave a flush unanswered while its pool answers.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a pool may take for an answer before it counts as away.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Flushes: writes that were submitted end in librbd's order, so that none is in flight afterwards.
///
/// librbd may keep its answer for ever: where an image's header is gone, it waits for somebody to bring it back. An
/// operation that is to stop does not wait with it. It says in [`Control::unsettled`] that its writes may still come, and
/// whoever goes on has to fence this client first.
///
/// # Errors
/// Ceph failed, or there is no answer.
pub(crate) async fn settle(image: &Image, control: &Control) -> Result<()> {
    let flush = mutation::flush(image);
    pin_mut!(flush);
    tokio::select! {
        biased;
        flushed = &mut flush => Ok(flushed?),
        () = is_silent(image, control) => {
            tracing::error!(image = image.path(),
                "the image answers nothing, though its pool does: what was begun there is left to whoever fences this client");
            control.unsettled.cancel();
            Err(Interrupted::LeaseLost.into())
        }
    }
}

/// Ends when the operation is to stop, and for as long as that is allowed to take the pool has answered and the image not.
async fn is_silent(image: &Image, control: &Control) {
    control.cancel.cancelled().await;
    loop {
        tokio::time::sleep(PATIENCE).await;
        if matches!(tokio::time::timeout(ANSWER_WITHIN, image.pool().look()).await, Ok(Ok(()))) {
            return;
        }
    }
}
