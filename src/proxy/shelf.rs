//! What requests need one after another and a worker keeps meanwhile: an idle connection holds none
//! of it, and a request that finds it there allocates nothing.

use std::cell::RefCell;

/// Things of one kind that nobody uses now, at most [`KEPT`].
#[derive(Debug)]
pub(crate) struct Shelf<T>(RefCell<Vec<Box<T>>>);

/// How many of a kind a worker keeps.
const KEPT: usize = 256;

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T: Default> Shelf<T> {
    /// The one that was put back last, or a new one.
    pub(crate) fn take(&self) -> Box<T> {
        self.0.borrow_mut().pop().unwrap_or_default()
    }

    /// Puts back what the next one may use as it is.
    pub(crate) fn put(&self, thing: Box<T>) {
        let mut things = self.0.borrow_mut();
        if things.len() < KEPT {
            things.push(thing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_back_is_taken_first_and_not_without_end() {
        let shelf = Shelf::default();
        for n in 0..KEPT + 10 {
            shelf.put(Box::new(n));
        }
        assert_eq!(*shelf.take(), KEPT - 1);
        assert_eq!(*shelf.take(), KEPT - 2);
        for _ in 2..KEPT {
            shelf.take();
        }
        assert_eq!(*shelf.take(), 0, "the first one, or a new one");
        assert!(shelf.0.borrow().is_empty());
    }
}
