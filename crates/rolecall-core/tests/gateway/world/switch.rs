//! An outage that can be arranged at any call.

use std::sync::Mutex;

use rolecall_core::record::StoreError;

/// Lets calls through, until it does not.
#[derive(Default)]
pub struct Switch(Mutex<State>);

#[derive(Default)]
struct State {
    calls: usize,
    /// How many more calls succeed; all when none is said.
    left: Option<usize>,
    /// Whether it is repaired by the first call that fails.
    once: bool,
}

impl Switch {
    /// From now on `calls` succeed, and then none.
    pub fn break_after(&self, calls: usize) {
        self.0.lock().unwrap().left = Some(calls);
    }

    /// From now on `calls` succeed, one fails, and then all succeed.
    pub fn fail_once_after(&self, calls: usize) {
        let mut state = self.0.lock().unwrap();
        state.left = Some(calls);
        state.once = true;
    }

    pub fn repair(&self) {
        let mut state = self.0.lock().unwrap();
        state.left = None;
        state.once = false;
    }

    /// Whether an arranged failure has not been met.
    pub fn is_armed(&self) -> bool {
        self.0.lock().unwrap().left.is_some()
    }

    /// How many calls there were, with those that failed.
    pub fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    pub fn pass(&self) -> Result<(), StoreError> {
        let mut state = self.0.lock().unwrap();
        state.calls += 1;
        match &mut state.left {
            Some(0) => {
                if state.once {
                    state.left = None;
                }
                Err(StoreError::Unavailable("scripted outage".into()))
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}
