//! rbd-sys
