//! rbd
