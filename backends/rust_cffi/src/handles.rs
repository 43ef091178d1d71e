//! Programs, runs and messages as a host sees them: numbers, never pointers.
//!
//! A number says what it stands for, in which process it was made, and which use of its place it is;
//! one that was freed, made up, of another sort, or carried through a `fork` is found out. Whoever
//! looks something up shares it for as long as the call takes: freeing it meanwhile harms nobody.

use lge_core::error::{Error, ErrorKind};
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

/// What numbers stand for. Zero is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Sort {
    Program = 1,
    Run = 2,
    Message = 3,
}

impl Sort {
    fn name(self) -> &'static str {
        match self {
            Sort::Program => "program",
            Sort::Run => "run",
            Sort::Message => "message",
        }
    }

    fn of(number: u64) -> Option<Sort> {
        [Sort::Program, Sort::Run, Sort::Message]
            .into_iter()
            .find(|sort| number >> 60 == *sort as u64)
    }
}

// From the highest bit: 4 of sort, 8 of process, 28 of use, 24 of place.
const USES: u32 = (1 << 28) - 1;
const PLACES: usize = 1 << 24;

/// What one process's numbers stand for.
pub(crate) struct Handles {
    pub(crate) programs: Table<crate::program::Program>,
    pub(crate) runs: Table<crate::run::Run>,
    pub(crate) messages: Table<crate::message::Kept>,
}

/// How often this process is a forked one.
static FORKS: AtomicU32 = AtomicU32::new(0);
static CURRENT: AtomicPtr<Handles> = AtomicPtr::new(std::ptr::null_mut());
static WATCH_FORKS: Once = Once::new();

extern "C" fn forked() {
    // A lock may be held by a thread that isn't here any more: this process starts with nothing, and
    // what its parent had is neither used nor freed.
    FORKS.fetch_add(1, Ordering::Relaxed);
    CURRENT.store(std::ptr::null_mut(), Ordering::Release);
}

/// This process's handles.
pub(crate) fn handles() -> &'static Handles {
    WATCH_FORKS.call_once(|| {
        // SAFETY: `forked` only stores to two atomics, which a forked child may do. It fails only
        // for lack of memory; then a fork isn't noticed, which is what most libraries do.
        #[cfg(unix)]
        unsafe {
            libc::pthread_atfork(None, None, Some(forked));
        }
    });
    let mut current = CURRENT.load(Ordering::Acquire);
    if current.is_null() {
        let process = (FORKS.load(Ordering::Relaxed) & 0xff) as u8;
        let made = Box::into_raw(Box::new(Handles {
            programs: Table::of(Sort::Program, process),
            runs: Table::of(Sort::Run, process),
            messages: Table::of(Sort::Message, process),
        }));
        let null = std::ptr::null_mut();
        match CURRENT.compare_exchange(null, made, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => current = made,
            Err(other) => {
                // SAFETY: `made` came from `Box::into_raw` above and nobody else has seen it.
                drop(unsafe { Box::from_raw(made) });
                current = other;
            }
        }
    }
    // SAFETY: what `CURRENT` points to was made by `Box::into_raw` above and is never freed.
    unsafe { &*current }
}

/// The things of one sort.
pub(crate) struct Table<T> {
    sort: Sort,
    process: u8,
    places: Mutex<Places<T>>,
}

struct Places<T> {
    all: Vec<Place<T>>,
    free: Vec<u32>,
}

struct Place<T> {
    uses: u32,
    thing: Option<Arc<T>>,
}

impl<T> Table<T> {
    fn of(sort: Sort, process: u8) -> Self {
        Table {
            sort,
            process,
            places: Mutex::new(Places {
                all: Vec::new(),
                free: Vec::new(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places<T>> {
        // Nothing that can panic half-way is done under this lock.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a thing and gives its number.
    pub(crate) fn keep(&self, thing: Arc<T>) -> Result<u64, Error> {
        let mut places = self.lock();
        let index = match places.free.pop() {
            Some(index) => index,
            None if places.all.len() < PLACES => {
                places.all.push(Place {
                    uses: 0,
                    thing: None,
                });
                (places.all.len() - 1) as u32
            }
            None => {
                let message = format!(
                    "there are {PLACES} of sort '{}' already; free those no longer needed",
                    self.sort.name()
                );
                return Err(Error::new(ErrorKind::StaleHandle, message));
            }
        };
        let place = &mut places.all[index as usize];
        place.thing = Some(thing);
        Ok((self.sort as u64) << 60
            | u64::from(self.process) << 52
            | u64::from(place.uses) << 24
            | u64::from(index))
    }

    /// The thing a number stands for.
    pub(crate) fn find(&self, number: u64) -> Result<Arc<T>, Error> {
        self.check(number)?;
        let places = self.lock();
        let place = places.all.get(place_of(number));
        place
            .filter(|place| place.uses == uses_of(number))
            .and_then(|place| place.thing.clone())
            .ok_or_else(|| self.gone(number))
    }

    /// Forgets a number and gives what it stood for.
    pub(crate) fn remove(&self, number: u64) -> Result<Arc<T>, Error> {
        self.check(number)?;
        let mut places = self.lock();
        let index = place_of(number);
        let place = places.all.get_mut(index);
        let place = place.filter(|place| place.uses == uses_of(number));
        let Some((thing, place)) = place.and_then(|place| Some((place.thing.take()?, place)))
        else {
            return Err(self.gone(number));
        };
        // A place whose uses are used up stays empty: no number is ever given twice.
        if place.uses < USES {
            place.uses += 1;
            places.free.push(index as u32);
        }
        Ok(thing)
    }

    fn check(&self, number: u64) -> Result<(), Error> {
        if Sort::of(number) != Some(self.sort) {
            let is = match Sort::of(number) {
                Some(other) => format!("is a {}", other.name()),
                None => "was never handed out".to_owned(),
            };
            let message = format!("{number:#x} {is}; the call takes a {}", self.sort.name());
            return Err(Error::new(ErrorKind::StaleHandle, message));
        }
        if (number >> 52) & 0xff != u64::from(self.process) {
            let message = format!(
                "the {} was made before this process was forked off and can't be used in it; \
                 make a new one here",
                self.sort.name()
            );
            return Err(Error::new(ErrorKind::UsedAfterFork, message));
        }
        Ok(())
    }

    fn gone(&self, number: u64) -> Error {
        let message = format!("the {} {number:#x} was freed before", self.sort.name());
        Error::new(ErrorKind::StaleHandle, message)
    }
}

fn place_of(number: u64) -> usize {
    (number & 0xff_ffff) as usize
}

fn uses_of(number: u64) -> u32 {
    ((number >> 24) & u64::from(USES)) as u32
}

#[cfg(test)]
mod tests {
    use super::{Sort, Table};
    use lge_core::error::ErrorKind;
    use std::sync::Arc;

    #[test]
    fn a_number_is_good_until_it_is_removed() {
        let table = Table::of(Sort::Run, 0);
        let number = table.keep(Arc::new("one")).expect("there is room");
        assert_eq!(*table.find(number).expect("kept"), "one");
        assert_eq!(*table.remove(number).expect("kept"), "one");
        let error = table.find(number).expect_err("removed");
        assert_eq!(error.kind, ErrorKind::StaleHandle);
        assert!(table.remove(number).is_err());
        let next = table.keep(Arc::new("two")).expect("there is room");
        assert_ne!(next, number, "the place is the same, the number isn't");
        assert!(table.find(number).is_err());
    }

    #[test]
    fn a_number_of_another_sort_or_process_is_found_out() {
        let runs = Table::of(Sort::Run, 0);
        let run = runs.keep(Arc::new(())).expect("there is room");
        let messages: Table<()> = Table::of(Sort::Message, 0);
        let error = messages.find(run).expect_err("a run is no message");
        assert_eq!(
            error.message,
            format!("{run:#x} is a run; the call takes a message")
        );
        let elsewhere: Table<()> = Table::of(Sort::Run, 1);
        let error = elsewhere.find(run).expect_err("another process's");
        assert_eq!(error.kind, ErrorKind::UsedAfterFork);
        for number in [0, 1, u64::MAX] {
            let error = runs.find(number).expect_err("made up");
            assert_eq!(error.kind, ErrorKind::StaleHandle);
        }
    }
}
