//! What was asked of the outside, in order.

use std::sync::{Arc, Mutex};

/// What was called, over all ports, in order.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub fn note(&self, call: impl Into<String>) {
        self.0.lock().unwrap().push(call.into());
    }

    /// The calls since the last time, without those of the store.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
