//! The threads that search, and who is let in to them.
//!
//! ```text
//! request ── admit ──► Ticket ── start(job) ──► queue ──► thread 1   each a rayon pool of one thread, so that
//!              │ none left                                thread 2   whatever a query would share out stays on it
//!              └──► turned away (503)                     …
//! ```
//! There are as many tickets as threads and places in the queue together. A job keeps its ticket until it is done, even
//! where nobody waits for it any more; one that nobody waits for when its turn comes is not begun.

use super::problem::{Kind, Problem};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    woken: Condvar,
    panics: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    fn push(&self, job: Job) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).jobs.push_back(job);
        self.woken.notify_one();
    }

    /// The next job; `None` when the pool is closed.
    fn pop(&self) -> Option<Job> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match waiting.jobs.pop_front() {
                _ if waiting.closed => return None,
                Some(job) => return Some(job),
                None => waiting = self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// A bounded number of threads, and a bounded number of those who wait for them.
pub struct Pool {
    queue: Arc<Queue>,
    tickets: Arc<Semaphore>,
    places: usize,
    threads: Vec<rayon::ThreadPool>,
}

/// The right to have jobs done. Clones of it share one place.
#[derive(Clone)]
pub struct Ticket {
    queue: Arc<Queue>,
    permit: Arc<OwnedSemaphorePermit>,
}

/// A job begun, or waiting.
pub struct Pending<T>(oneshot::Receiver<Done<T>>);

/// A job done.
pub struct Done<T> {
    /// What it returned.
    pub value: T,
    /// How long it waited for a thread.
    pub waited: Duration,
}

impl Pool {
    /// `threads` of them (0: one a core), called by this name and a number; and a queue of so many places.
    pub fn new(name: &'static str, threads: usize, queue: usize) -> Result<Pool, rayon::ThreadPoolBuildError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let count = if threads == 0 { cores() } else { threads };
        let shared = Arc::new(Queue::default());
        let mut threads = Vec::with_capacity(count);
        for i in 0..count {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(1).thread_name(move |_| format!("{name}-{i}"));
            let pool = pool.build()?;
            let queue = Arc::clone(&shared);
            pool.spawn(move || {
                while let Some(job) = queue.pop() {
                    job();
                }
            });
            threads.push(pool);
        }
        let places = count.saturating_add(queue).min(Semaphore::MAX_PERMITS);
        Ok(Pool { queue: shared, tickets: Arc::new(Semaphore::new(places)), places, threads })
    }

    /// Lets in, or turns away at once.
    pub fn admit(&self) -> Result<Ticket, Problem> {
        match Arc::clone(&self.tickets).try_acquire_owned() {
            Ok(permit) => Ok(Ticket { queue: Arc::clone(&self.queue), permit: Arc::new(permit) }),
            Err(_) => Err(Problem::new(
                Kind::Overloaded,
                format!("{} requests are being worked on or waiting, which is the limit; try again", self.places),
            )),
        }
    }

    /// Lets in as soon as there is room, for those who have been let in before.
    pub(super) async fn admit_again(&self, limit: Duration) -> Result<Ticket, Problem> {
        match tokio::time::timeout(limit, Arc::clone(&self.tickets).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Ticket { queue: Arc::clone(&self.queue), permit: Arc::new(permit) }),
            _ => Err(Problem::new(Kind::Overloaded, "there was no room for so long; try again")),
        }
    }

    /// How many threads search.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Requests that were let in and are not done.
    pub fn inside(&self) -> usize {
        self.places - self.tickets.available_permits()
    }

    /// Jobs that ended in a panic: faults of the program.
    pub fn panics(&self) -> u64 {
        self.queue.panics.load(Relaxed)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.waiting.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.queue.woken.notify_all();
    }
}

impl Ticket {
    /// Has a job done.
    pub fn start<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Pending<T> {
        let (answer, pending) = oneshot::channel();
        let (queue, permit, asked) = (Arc::clone(&self.queue), Arc::clone(&self.permit), Instant::now());
        self.queue.push(Box::new(move || {
            let _until_done = permit;
            if answer.is_closed() {
                return;
            }
            let waited = asked.elapsed();
            match catch_unwind(AssertUnwindSafe(job)) {
                Ok(value) => {
                    // Whoever asked may have gone.
                    let _ = answer.send(Done { value, waited });
                }
                Err(_) => {
                    queue.panics.fetch_add(1, Relaxed);
                }
            }
        }));
        Pending(pending)
    }
}

impl<T> Pending<T> {
    /// The result, or why there is none. Time counts from now. Within a tokio runtime only.
    pub fn within(self, limit: Duration) -> impl Future<Output = Result<Done<T>, Problem>> {
        let done = tokio::time::timeout(limit, self.0);
        async move {
            match done.await {
                Ok(Ok(done)) => Ok(done),
                Ok(Err(_)) => {
                    Err(Problem::new(Kind::Internal, "the search ended in a fault of the program; please report it"))
                }
                Err(_) => Err(Problem::late(limit)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    #[test]
    fn so_many_are_let_in_and_no_more() {
        let pool = Pool::new("search", 1, 2).unwrap();
        let (open, gate) = mpsc::channel::<()>();
        let first = pool.admit().unwrap();
        let blocked = first.start(move || gate.recv().is_ok());
        let others = [pool.admit().unwrap(), pool.admit().unwrap()];
        for _ in 0..5 {
            assert_eq!(pool.admit().err().unwrap().kind, Kind::Overloaded);
        }
        // A job that nobody waits for is not begun, but the running one keeps its place though its ticket is gone.
        let (told, tell) = mpsc::channel();
        drop(others[0].start(move || told.send(())));
        drop(first);
        assert_eq!(pool.inside(), 3);
        open.send(()).unwrap();
        block(async {
            assert!(blocked.within(Duration::from_secs(60)).await.unwrap().value);
            let last = others[1].start(|| 7).within(Duration::from_secs(60)).await.unwrap();
            assert_eq!(last.value, 7);
        });
        assert!(tell.recv().is_err(), "the job was dropped, not run");
        drop(others);
        while pool.inside() > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_panic_is_one_request_s_fault() {
        let pool = Pool::new("search", 1, 0).unwrap();
        let ticket = pool.admit().unwrap();
        block(async {
            let lost = ticket.start(|| -> u8 { panic!("a fault that this test makes") });
            assert_eq!(lost.within(Duration::from_secs(60)).await.err().unwrap().kind, Kind::Internal);
            assert_eq!(ticket.start(|| 1).within(Duration::from_secs(60)).await.unwrap().value, 1);
        });
        assert_eq!(pool.panics(), 1);
    }

    #[test]
    fn what_a_query_would_share_out_stays_on_its_thread() {
        use rayon::prelude::*;
        let pool = Pool::new("search", 2, 2).unwrap();
        let seen = pool.admit().unwrap().start(|| {
            let here = std::thread::current().id();
            (0..1000).into_par_iter().all(|_| std::thread::current().id() == here)
        });
        assert!(block(async { seen.within(Duration::from_secs(60)).await }).unwrap().value);
    }
}
