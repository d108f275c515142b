//! Handles and operations that end in an unusual order.

use std::future::Future;
use std::task::{Context, Poll, Waker};

use rbd::{Errno, Pool};

use crate::support::{MIB, ceph, connect, image, in_time, pattern, pool, rbd, remove};

/// An operation that was started: it may have ended by the first look at it.
enum Started<F: Future> {
    UnderWay(std::pin::Pin<Box<F>>),
    Ended(F::Output),
}

impl<F: Future> Started<F> {
    async fn end(self) -> F::Output {
        match self {
            Self::UnderWay(operation) => operation.await,
            Self::Ended(output) => output,
        }
    }
}

/// Starts an operation and does not wait for it: the first poll submits it to librbd.
fn start<F: Future>(operation: F) -> Started<F> {
    let mut operation = Box::pin(operation);
    match operation.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Started::Ended(output),
        Poll::Pending => Started::UnderWay(operation),
    }
}

/// Removes an image once nobody has it open any more. That it comes to this is what is tested: a handle that
/// was lost would keep its watch, and the image, for ever.
async fn remove_when_closed(pool: &Pool, name: &str) {
    let attempts = async {
        loop {
            match pool.remove_image(name).await {
                Ok(()) => break,
                Err(error) => assert_eq!(error.errno, Errno::BUSY, "{error}"),
            }
        }
    };
    in_time(attempts).await;
}

#[tokio::test]
async fn an_image_can_be_removed_as_soon_as_it_is_closed_and_not_before() {
    let pool = pool().await;
    for _ in 0..5 {
        let (name, image) = image(&pool, MIB).await;
        assert_eq!(pool.remove_image(&name).await.unwrap_err().errno, Errno::BUSY);
        remove(&pool, &name, image).await;
    }
}

#[tokio::test]
async fn closing_waits_for_the_other_clones_of_the_handle() {
    let pool = pool().await;
    let (name, image) = image(&pool, MIB).await;
    let clone = image.clone();
    let mut closing = Box::pin(image.close());
    assert!(closing.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    clone.write(0, pattern(4096, 0).into()).await.unwrap();
    assert_eq!(clone.read(0, 4096).await.unwrap(), pattern(4096, 0));
    drop(clone);
    closing.await;
    pool.remove_image(&name).await.unwrap();
}

#[tokio::test]
async fn operations_that_nobody_waits_for_end_by_themselves() {
    let pool = pool().await;
    let (name, image) = image(&pool, 64 * MIB).await;
    for nth in 0..200 {
        // each owns its memory: dropping the future frees nothing that librbd still uses
        drop(start(image.write(nth * 300_000, pattern(200_000, 0).into())));
        drop(start(image.read(nth * 250_000, 300_000)));
        std::mem::forget(start(image.write_zeroes(nth * 300_000 + 100, 50)));
    }
    image.flush().await.unwrap();
    let data = image.read(199 * 300_000, 200_000).await.unwrap();
    assert_eq!(data[..100], pattern(200_000, 0)[..100]);
    assert_eq!(data[150..], pattern(200_000, 0)[150..]);
    remove(&pool, &name, image).await;
}

#[tokio::test]
async fn the_last_handle_may_go_in_a_completion() {
    let pool = pool().await;
    for _ in 0..20 {
        let (name, image) = image(&pool, 16 * MIB).await;
        let reads: Vec<_> = (0..8).map(|nth| start(image.read(nth * MIB, 1 << 20))).collect();
        drop(reads);
        drop(start(image.write(0, pattern(8 << 20, 0).into())));
        // now only the operations hold it, and the last of them closes it from librbd's own thread
        drop(image);
        remove_when_closed(&pool, &name).await;
    }
}

#[tokio::test]
async fn an_image_keeps_its_pool_and_its_cluster() {
    let image = {
        let cluster = connect().await;
        let pool = cluster.pool("volumes_ssd").await.unwrap();
        drop(cluster);
        let (name, image) = image(&pool, MIB).await;
        image.write(0, pattern(100, 0).into()).await.unwrap();
        (name, image)
    };
    let (name, image) = image;
    assert_eq!(image.read(0, 100).await.unwrap(), pattern(100, 0));
    let pool = image.pool().clone();
    assert_eq!(pool.cluster().pool("volumes_ssd").await.unwrap().name(), "volumes_ssd");
    remove(&pool, &name, image).await;
}

#[test]
fn a_runtime_may_end_while_operations_are_under_way() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let first = runtime();
    let (pool, name) = first.block_on(async {
        let pool = pool().await;
        let (name, image) = image(&pool, 64 * MIB).await;
        for nth in 0..50 {
            drop(start(image.write(nth * MIB, pattern(1 << 20, 0).into())));
        }
        drop(start(async move { image.flush().await }));
        (pool, name)
    });
    drop(first);
    runtime().block_on(remove_when_closed(&pool, &name));
}

#[tokio::test]
async fn a_client_that_was_fenced_off_is_told() {
    let pool = pool().await;
    let fenced = connect().await.pool("volumes_ssd").await.unwrap();
    let (name, image) = image(&fenced, 64 * MIB).await;
    image.write(0, pattern(100, 0).into()).await.unwrap();
    // whoever holds the lock is known by the address of its connection
    let locks = rbd(&["lock", "ls", &format!("volumes_ssd/{name}"), "--format", "json"]);
    let at = locks.find("127.0.0.1").expect("nobody holds the lock");
    let address: String = locks[at..].chars().take_while(|&char| char != '"').collect();

    // some are under way when it happens
    let writes: Vec<_> = (0..30).map(|nth| start(image.write(nth * MIB, pattern(1 << 20, 0).into()))).collect();
    ceph(&["osd", "blocklist", "add", &address]);
    for write in writes {
        match in_time(write.end()).await {
            Ok(()) => {}
            Err(error) => assert_eq!(error.errno, Errno::BLOCKLISTED, "{error}"),
        }
    }
    // and those that come later
    let error = in_time(async {
        loop {
            if let Err(error) = image.write(MIB, pattern(1 << 20, 0).into()).await {
                break error;
            }
        }
    });
    assert_eq!(error.await.errno, Errno::BLOCKLISTED);
    for refused in [
        in_time(image.write(MIB, pattern(1 << 20, 0).into())).await,
        in_time(image.write_zeroes(MIB, MIB)).await,
        in_time(image.flush()).await,
        in_time(image.read(0, 100)).await.map(drop),
    ] {
        assert_eq!(refused.unwrap_err().errno, Errno::BLOCKLISTED);
    }
    in_time(image.close()).await;
    ceph(&["osd", "blocklist", "rm", &address]);
    remove_when_closed(&pool, &name).await;
}
