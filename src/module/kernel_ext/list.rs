// SPDX-License-Identifier: GPL-2.0

//! An intrusive doubly linked list, which does not own its objects.
//!
//! [`kernel::list`] owns a reference count of each element. The elements here belong to a tree, and
//! linking one must neither allocate nor count.

use core::{
    cell::Cell,
    marker::PhantomData,
    ptr::NonNull, //
};

/// The links of an object in a [`List`].
///
/// # Invariants
///
/// Only the list that the object is linked in accesses them, and the user of that list holds its
/// lock.
pub(crate) struct ListLinks<T> {
    prev: Cell<Option<NonNull<T>>>,
    next: Cell<Option<NonNull<T>>>,
}

impl<T> ListLinks<T> {
    /// The links of an object that is in no list.
    pub(crate) const fn new() -> Self {
        Self {
            prev: Cell::new(None),
            next: Cell::new(None),
        }
    }
}

/// An object that can be linked by the links number `ID`.
///
/// # Safety
///
/// The links are always the same ones, lie in the object, differ from those of another number, and
/// are used only by lists.
pub(crate) unsafe trait Linked<const ID: usize>: Sized {
    /// The links.
    fn links(&self) -> &ListLinks<Self>;
}

/// A list of `T`s that are linked by their links number `ID`.
///
/// # Invariants
///
/// Every object from `first` along `next` is alive, and in no other list by these links; `last` is
/// the last object.
pub(crate) struct List<T: Linked<ID>, const ID: usize> {
    first: Option<NonNull<T>>,
    last: Option<NonNull<T>>,
    _links: PhantomData<ListLinks<T>>,
}

// SAFETY: The list only returns pointers, whose users have their own safety comments.
unsafe impl<T: Linked<ID> + Send + Sync, const ID: usize> Send for List<T, ID> {}

impl<T: Linked<ID>, const ID: usize> List<T, ID> {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self {
            first: None,
            last: None,
            _links: PhantomData,
        }
    }

    /// Whether the list is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The first object.
    pub(crate) fn first(&self) -> Option<NonNull<T>> {
        self.first
    }

    /// Whether `object` is the first or the last object.
    pub(crate) fn has_end(&self, object: &T) -> bool {
        let object = Some(NonNull::from(object));
        self.first == object || self.last == object
    }

    /// Links `object` behind all others.
    ///
    /// # Safety
    ///
    /// The object is in no list by these links, and stays alive and in place until it is removed.
    pub(crate) unsafe fn push_back(&mut self, object: &T) {
        let ptr = NonNull::from(object);
        object.links().prev.set(self.last);
        object.links().next.set(None);
        match self.last {
            // SAFETY: By the type invariant the last object is alive.
            Some(last) => unsafe { last.as_ref() }.links().next.set(Some(ptr)),
            None => self.first = Some(ptr),
        }
        self.last = Some(ptr);
    }

    /// Links `object` before all others.
    ///
    /// # Safety
    ///
    /// Those of [`List::push_back`].
    pub(crate) unsafe fn push_front(&mut self, object: &T) {
        let ptr = NonNull::from(object);
        object.links().prev.set(None);
        object.links().next.set(self.first);
        match self.first {
            // SAFETY: By the type invariant the first object is alive.
            Some(first) => unsafe { first.as_ref() }.links().prev.set(Some(ptr)),
            None => self.last = Some(ptr),
        }
        self.first = Some(ptr);
    }

    /// The object behind `object`, which is in a list.
    #[inline]
    pub(crate) fn after(object: &T) -> Option<NonNull<T>> {
        object.links().next.get()
    }

    /// Unlinks all objects between two objects. Without the first one, this begins at the start of
    /// the list; without the second one, it goes to the end. The time does not depend on the
    /// lengths.
    ///
    /// # Safety
    ///
    /// Both are in this list, in this order.
    #[inline]
    pub(crate) unsafe fn cut(&mut self, before: Option<&T>, after: Option<&T>) {
        let (prev, next) = (before.map(NonNull::from), after.map(NonNull::from));
        match before {
            Some(before) => before.links().next.set(next),
            None => self.first = next,
        }
        match after {
            Some(after) => after.links().prev.set(prev),
            None => self.last = prev,
        }
    }

    /// Takes out all objects before `rest`, or all objects, as a separate list. The time does not
    /// depend on the lengths.
    ///
    /// # Safety
    ///
    /// `rest` is in this list.
    #[inline]
    pub(crate) unsafe fn split_before(&mut self, rest: Option<NonNull<T>>) -> Self {
        let Some(rest) = rest else {
            return core::mem::replace(self, Self::new());
        };
        // SAFETY: By the requirements and the type invariant the object is alive.
        let Some(last) = unsafe { rest.as_ref() }.links().prev.take() else {
            return Self::new();
        };
        // SAFETY: By the type invariant the object is alive.
        unsafe { last.as_ref() }.links().next.set(None);
        Self {
            first: self.first.replace(rest),
            last: Some(last),
            _links: PhantomData,
        }
    }

    /// Unlinks `object`.
    ///
    /// # Safety
    ///
    /// The object is in this list; or in another one, where it has neighbours on both sides.
    pub(crate) unsafe fn remove(&mut self, object: &T) {
        let prev = object.links().prev.take();
        let next = object.links().next.take();
        match prev {
            // SAFETY: By the type invariant the neighbour is alive.
            Some(prev) => unsafe { prev.as_ref() }.links().next.set(next),
            None => self.first = next,
        }
        match next {
            // SAFETY: As above.
            Some(next) => unsafe { next.as_ref() }.links().prev.set(prev),
            None => self.last = prev,
        }
    }

    /// Moves all objects of `other` behind the objects of this list. The time does not depend on
    /// the lengths.
    pub(crate) fn append(&mut self, other: &mut Self) {
        let Some(first) = other.first.take() else {
            return;
        };
        let last = other.last.take();
        match self.last {
            Some(tail) => {
                // SAFETY: By the type invariant of both lists these objects are alive.
                unsafe { tail.as_ref() }.links().next.set(Some(first));
                // SAFETY: As above.
                unsafe { first.as_ref() }.links().prev.set(Some(tail));
            }
            None => self.first = Some(first),
        }
        self.last = last;
    }
}

#[cfg(any(test, CONFIG_KUNIT = "y"))]
#[cfg_attr(not(test), kernel::macros::kunit_tests(repoll_list))]
mod tests {
    use super::*;

    const COUNT: usize = 12;

    struct Object {
        number: usize,
        links: ListLinks<Object>,
    }

    // SAFETY: The links are a field that the tests only read.
    unsafe impl Linked<0> for Object {
        fn links(&self) -> &ListLinks<Self> {
            &self.links
        }
    }

    fn objects() -> [Object; COUNT] {
        core::array::from_fn(|number| Object {
            number,
            links: ListLinks::new(),
        })
    }

    /// The expected contents of a list, in an array.
    #[derive(Clone, Copy)]
    struct Numbers {
        length: usize,
        at: [usize; COUNT],
    }

    impl Numbers {
        fn new() -> Self {
            Self {
                length: 0,
                at: [0; COUNT],
            }
        }

        fn all(&self) -> &[usize] {
            &self.at[..self.length]
        }

        fn insert(&mut self, index: usize, number: usize) {
            self.at.copy_within(index..self.length, index + 1);
            self.at[index] = number;
            self.length += 1;
        }

        fn push(&mut self, number: usize) {
            self.insert(self.length, number);
        }

        fn remove(&mut self, number: usize) {
            if let Some(index) = self.all().iter().position(|other| *other == number) {
                self.at.copy_within(index + 1..self.length, index);
                self.length -= 1;
            }
        }
    }

    fn numbers(list: &List<Object, 0>) -> Numbers {
        let mut numbers = Numbers::new();
        let mut at = list.first();
        while let Some(object) = at {
            // SAFETY: The tests keep linked objects alive.
            let object = unsafe { object.as_ref() };
            numbers.push(object.number);
            at = object.links.next.get();
        }
        numbers
    }

    /// Random operations on three lists have the same results as on three arrays.
    #[test]
    fn lists_do_what_arrays_do() {
        let objects = objects();
        let mut lists = [List::new(), List::new(), List::new()];
        let mut arrays = [Numbers::new(); 3];
        let mut random = 1u64;
        for _ in 0..10_000 {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1);
            let number = (random >> 33) as usize % COUNT;
            let to = (random >> 50) as usize % lists.len();
            let object = &objects[number];
            let from = arrays
                .iter()
                .position(|array| array.all().contains(&number));
            match (from, random >> 60) {
                (None, 0..=7) => {
                    // SAFETY: According to the arrays, the object is in no list.
                    unsafe { lists[to].push_back(object) };
                    arrays[to].push(number);
                }
                (None, _) => {
                    // SAFETY: As above.
                    unsafe { lists[to].push_front(object) };
                    arrays[to].insert(0, number);
                }
                (Some(from), 0..=1) if from != to => {
                    // SAFETY: According to the arrays, the object is in this list.
                    let mut moved = unsafe { lists[from].split_before(Some(object.into())) };
                    lists[to].append(&mut moved);
                    let front = arrays[from];
                    for moved in front.all().iter().take_while(|moved| **moved != number) {
                        arrays[from].remove(*moved);
                        arrays[to].push(*moved);
                    }
                }
                (Some(from), 2..=7) => {
                    // SAFETY: According to the arrays, the object is in this list.
                    unsafe { lists[from].remove(object) };
                    arrays[from].remove(number);
                }
                (Some(from), 8..=9) => {
                    // All objects between the object, or the beginning, and the end.
                    let before = (random >> 59 & 1 == 0).then_some(number);
                    // SAFETY: According to the arrays, the object is in this list.
                    unsafe { lists[from].cut(before.map(|number| &objects[number]), None) };
                    let mut behind = before.is_none();
                    let all = arrays[from];
                    for &other in all.all() {
                        if behind {
                            arrays[from].remove(other);
                        }
                        behind |= Some(other) == before;
                    }
                }
                (Some(from), _) if from != to => {
                    // SAFETY: No object is passed.
                    let mut moved = unsafe { lists[from].split_before(None) };
                    lists[to].append(&mut moved);
                    let moved = core::mem::replace(&mut arrays[from], Numbers::new());
                    for number in moved.all() {
                        arrays[to].push(*number);
                    }
                }
                _ => (),
            }
            for (list, array) in lists.iter().zip(&arrays) {
                assert!(numbers(list).all() == array.all());
                assert_eq!(list.is_empty(), array.all().is_empty());
            }
        }
    }

    #[test]
    fn ends_are_known_as_such() {
        let objects = objects();
        let mut list = List::new();
        for object in &objects {
            // SAFETY: The objects are in no list yet and outlive this one.
            unsafe { list.push_back(object) };
        }
        assert!(list.has_end(&objects[0]));
        assert!(!list.has_end(&objects[1]));
        assert!(list.has_end(&objects[COUNT - 1]));
    }
}
