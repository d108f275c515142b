//! The base image of a full backup (step 2), and what earlier attempts left of it.

use fail_points::Point;
use rbd::{Errno, Features, Image, Pool};

use super::{Request, content};
use crate::control::Control;
use crate::error::{Error, Result};
use crate::names::base_image;
use crate::point::markers;
use crate::{delete, mutation};

/// What base images have: the features that Cinder gives them (format spec 1.6).
const BASE_FEATURES: Features =
    Features::LAYERING.with(Features::EXCLUSIVE_LOCK).with(Features::OBJECT_MAP).with(Features::FAST_DIFF);

/// Removes the half-filled base of an earlier attempt, which found no parent, from before one that did.
pub(super) async fn remove_own_base(pool: &Pool, request: &Request, control: &Control) -> Result<()> {
    if !control.again {
        return Ok(());
    }
    let name = &base_image(request.volume, request.backup);
    finish_removals(pool, name, control).await?;
    let image = match pool.open_read_only(name, None).await {
        Ok(image) => image,
        Err(error) if error.is_not_found() => {
            // the making of it may have been cut short, and its name be left
            delete::remove_image(Point::RemoveUnfinishedBase, pool, name, delete::OnBusy::Fail).await?;
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let (path, snapshots) = (image.path().to_owned(), image.snapshots().await?);
    image.close().await;
    if !snapshots.is_empty() {
        return Err(Error::BaseTaken { image: path });
    }
    control.prove().await?;
    delete::remove_image(Point::RemoveUnfinishedBase, pool, name, delete::OnBusy::Fail).await?;
    Ok(())
}

/// Finishes the removals that earlier attempts have begun; the first has nothing to look for, which would list the pool.
async fn finish_removals(pool: &Pool, name: &str, control: &Control) -> Result<()> {
    if control.again {
        control.prove().await?;
        delete::finish_removals(Point::RemoveUnfinishedBase, pool, name).await?;
    }
    Ok(())
}

/// Makes the base image of a full backup. One that an interrupted attempt left half-filled is kept where the
/// journal says how far it was filled from the snapshot `from`, and made anew otherwise. Returns whether it was kept.
pub(super) async fn prepare_base(
    pool: &Pool,
    request: &Request,
    source: &Image,
    from: Option<u64>,
    control: &Control,
) -> Result<bool> {
    let name = &base_image(request.volume, request.backup);
    let size = source.size().await?;
    finish_removals(pool, name, control).await?;
    match mutation::create_image(Point::CreateBase, pool, name, size, Some(BASE_FEATURES)).await {
        Ok(()) => return Ok(false),
        Err(error) if error.errno == Errno::EXISTS => {}
        Err(error) => return Err(error.into()),
    }
    match pool.open_read_only(name, None).await {
        Ok(image) => {
            if markers(&image.snapshots().await?).next().is_some() {
                return Err(Error::BaseTaken { image: image.path().to_owned() });
            }
            if let Some(from) = from
                && let what = content::full_copy(&image.id().await?, &source.id().await?, from, request.checksums)
                && control.journal.of(&what).is_some()
                // one that is not whole is made anew, and what it was copied from is no more
                && source.snapshot_is_whole(from).await?
            {
                return Ok(true);
            }
            image.close().await;
        }
        // only its name: the making of it was cut short
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    // never to the trash: what stays in use is perhaps being filled by the worker that took this job over
    control.prove().await?;
    delete::remove_image(Point::RemoveUnfinishedBase, pool, name, delete::OnBusy::Fail).await?;
    mutation::create_image(Point::CreateBase, pool, name, size, Some(BASE_FEATURES)).await?;
    Ok(false)
}
