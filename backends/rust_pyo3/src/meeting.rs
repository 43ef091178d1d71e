//! Where the event loop and a thread meet that wait for each other, superstep after superstep: `Meeting` of
//! `langgraph_engine.meeting`.
//!
//! Waking a thread takes several times as long as what it is woken for. So each side looks for the other for a moment before
//! it sleeps, and without the interpreter: nobody is told of anything before the one who tells has let go of it, or the
//! one who is told would have to wait for it, and be woken, after all.

use crate::failure::guard;
use pyo3::prelude::*;
use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::thread::{available_parallelism, yield_now};
use std::time::{Duration, Instant};

/// So long a thread looks for a job before it sleeps, if the one before came within that time.
const LOOKS: Duration = Duration::from_micros(500);
/// So long a thread that leaves lets the event loop have the interpreter first.
const STEPS_BACK: Duration = Duration::from_micros(50);
/// So often a side looks between two looks at the clock.
const LOOKS_AT_ONCE: u32 = 64;

/// The thread has a job, or finds one when it looks; the event loop goes on.
const BUSY: u8 = 0;
/// ... and the event loop waits for what it gives.
const AWAITED: u8 = 1;
/// The thread has done its job, and looks for one.
const FREE: u8 = 2;
/// The thread has left.
const LEFT: u8 = 3;

/// Where one thread and the event loop meet. The thread has a job from the start.
#[pyclass(frozen, module = "langgraph_engine_rust._native")]
pub(crate) struct Meeting {
    state: AtomicU8,
    /// Whether the last job came soon.
    came_soon: AtomicBool,
    /// Whether the thread sleeps, or is about to.
    sleeps: AtomicBool,
    /// Whether the event loop has the interpreter again, and knows what it waited for.
    goes_on: AtomicBool,
    lock: Mutex<()>,
    asked: Condvar,
}

#[pymethods]
impl Meeting {
    #[new]
    #[pyo3(signature = (*, awaited=false))]
    fn new(awaited: bool) -> Self {
        Meeting {
            state: AtomicU8::new(if awaited { AWAITED } else { BUSY }),
            came_soon: AtomicBool::new(true),
            sleeps: AtomicBool::new(false),
            goes_on: AtomicBool::new(!awaited),
            lock: Mutex::new(()),
            asked: Condvar::new(),
        }
    }

    fn wait(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let patience = if several_processors() { seconds } else { 0.0 };
        guard(|| Ok(self.stops_for(py, || self.waits(duration(patience)))))
    }

    fn ask(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<bool>> {
        guard(|| Ok(self.stops_for(py, || self.asks(duration(seconds)))))
    }

    fn dismiss(&self, py: Python<'_>) -> PyResult<()> {
        guard(|| {
            py.detach(|| self.changes(FREE, LEFT).then(|| self.wake()));
            Ok(())
        })
    }

    fn finished(&self, py: Python<'_>, seconds: f64) -> PyResult<Option<bool>> {
        guard(|| Ok(py.detach(|| self.is_finished(duration(seconds)))))
    }

    fn look(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        guard(|| Ok(py.detach(|| self.finds(duration(seconds)))))
    }

    fn leave(&self, py: Python<'_>) -> PyResult<bool> {
        guard(|| Ok(py.detach(|| self.leaves())))
    }
}

impl Meeting {
    /// Has the event loop do something without the interpreter.
    fn stops_for<T: Send>(&self, py: Python<'_>, what: impl FnOnce() -> T + Send) -> T {
        self.goes_on.store(false, Ordering::Relaxed);
        let result = py.detach(what);
        self.goes_on.store(true, Ordering::Relaxed);
        result
    }

    fn asks(&self, patience: Duration) -> Option<bool> {
        let waits = !patience.is_zero() && several_processors();
        let asked = if waits { AWAITED } else { BUSY };
        self.changes(FREE, asked).then(|| {
            self.wake();
            waits && self.waits(patience)
        })
    }

    /// Whether the job that is awaited is done in time.
    fn waits(&self, patience: Duration) -> bool {
        self.is_left(AWAITED, patience) || !self.changes(AWAITED, BUSY)
    }

    /// Wakes the thread, after the state was changed, if it sleeps.
    fn wake(&self) {
        // Either it sees what was changed before it sleeps, or it is seen that it is about to.
        if self.sleeps.load(Ordering::SeqCst) {
            let _held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.asked.notify_one();
        }
    }

    fn is_finished(&self, patience: Duration) -> Option<bool> {
        let was_awaited = self.state.swap(FREE, Ordering::SeqCst) == AWAITED;
        was_awaited.then(|| self.finds(patience))
    }

    /// Whether a job comes.
    fn finds(&self, patience: Duration) -> bool {
        let began = Instant::now();
        let looks = self.came_soon.load(Ordering::Relaxed) && several_processors();
        let looks_only = patience.is_zero();
        if !(looks_only || looks && self.is_left(FREE, LOOKS.min(patience))) {
            self.sleep(patience);
            self.came_soon
                .store(began.elapsed() <= LOOKS, Ordering::Relaxed);
        }
        !self.changes(FREE, LEFT) && self.state.load(Ordering::SeqCst) != LEFT
    }

    fn leaves(&self) -> bool {
        let was_awaited = self.state.swap(LEFT, Ordering::SeqCst) == AWAITED;
        if was_awaited {
            is_in_time(STEPS_BACK, || self.goes_on.load(Ordering::Relaxed));
        }
        was_awaited
    }

    /// Sleeps till the state changes.
    fn sleep(&self, patience: Duration) {
        let held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.sleeps.store(true, Ordering::SeqCst);
        let is_free = |(): &mut ()| self.state.load(Ordering::SeqCst) == FREE;
        let woken = self.asked.wait_timeout_while(held, patience, is_free);
        self.sleeps.store(false, Ordering::SeqCst);
        drop(woken);
    }

    /// Looks at the state; whether it becomes another one in time.
    fn is_left(&self, state: u8, patience: Duration) -> bool {
        is_in_time(patience, || self.state.load(Ordering::SeqCst) != state)
    }

    fn changes(&self, from: u8, to: u8) -> bool {
        let changed = self
            .state
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        changed.is_ok()
    }
}

/// Looks whether something is so, again and again; whether it is in time.
fn is_in_time(patience: Duration, is_so: impl Fn() -> bool) -> bool {
    let until = Instant::now() + patience;
    loop {
        for _ in 0..LOOKS_AT_ONCE {
            if is_so() {
                return true;
            }
            spin_loop();
        }
        if Instant::now() >= until {
            return false;
        }
        yield_now(); // whoever is waited for may have no other processor
    }
}

/// Whether looking again and again keeps nobody from what is looked for.
fn several_processors() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| available_parallelism().is_ok_and(|number| number.get() > 1))
}

/// An hour at most, which a clock can be asked to add.
fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.min(3600.0)).unwrap_or_default()
}
