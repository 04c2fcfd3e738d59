//! A bounded map: the oldest entry is removed to add a new one.

use std::collections::{HashMap, VecDeque};

/// A bounded map of the newest entries.
pub(super) struct Recent<V> {
    entries: HashMap<String, V>,
    order: VecDeque<String>,
    kept: usize,
}

impl<V> Recent<V> {
    pub fn new(kept: usize) -> Self {
        Recent {
            entries: HashMap::new(),
            order: VecDeque::new(),
            kept,
        }
    }

    /// Adds an entry under a new key.
    pub fn insert(&mut self, key: String, value: V) {
        if self.order.len() == self.kept
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.entries.insert(key, value);
    }

    pub fn get(&self, key: &str) -> Option<&V> {
        self.entries.get(key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub fn remove(&mut self, key: &str) {
        self.entries.remove(key);
    }

    pub fn oldest_first(&self) -> impl Iterator<Item = &V> {
        self.order.iter().filter_map(|key| self.entries.get(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_entry_is_removed_when_full() {
        let mut recent = Recent::new(2);
        for n in 0..3 {
            recent.insert(n.to_string(), n);
        }
        assert_eq!(recent.get("0"), None);
        assert_eq!(recent.oldest_first().copied().collect::<Vec<_>>(), [1, 2]);
        recent.remove("1");
        assert_eq!(recent.oldest_first().copied().collect::<Vec<_>>(), [2]);
    }
}
