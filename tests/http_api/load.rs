//! More than the daemon can bear is turned away at once, counted; what takes too long is given up.

use crate::bodies;
use crate::house::{House, block, post, reply};
use mispair::daemon::{Pending, Ticket};
use serde_json::json;
use std::sync::mpsc;

fn query() -> String {
    json!({ "modality": "clip-image", "id": 0 }).to_string()
}

/// Keeps a search thread busy until it is told to go on.
struct Blocked {
    _ticket: Ticket,
    _pending: Pending<()>,
    go_on: mpsc::Sender<()>,
}

fn blocked(house: &House) -> Blocked {
    let (go_on, gate) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    let ticket = house.state.pool.admit().unwrap();
    let pending = ticket.start(move || {
        begun.send(()).unwrap();
        let _ = gate.recv();
    });
    begins.recv().unwrap();
    Blocked { _ticket: ticket, _pending: pending, go_on }
}

#[test]
fn so_many_wait_and_the_rest_is_turned_away() {
    let house = House::new(|config| {
        config.limits.threads = 1;
        config.limits.queue = 3;
    });
    block(async {
        let busy = blocked(&house);
        let asked: Vec<_> =
            (0..20).map(|_| tokio::spawn(reply(house.app.clone(), post("/v1/query", query())))).collect();
        // Those turned away are answered while the thread is blocked; the others are not.
        let mut waiting = Vec::new();
        let mut turned_away = 0;
        while turned_away < 17 {
            assert!(waiting.len() < 20);
            tokio::task::yield_now().await;
            turned_away = asked.iter().filter(|a| a.is_finished()).count();
        }
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        for task in asked {
            match task.is_finished() {
                true => {
                    let reply = task.await.unwrap();
                    reply.problem(503, "overloaded", None);
                    assert_eq!(reply.header("retry-after"), "1");
                }
                false => waiting.push(task),
            }
        }
        assert_eq!(waiting.len(), 3, "as many as the queue has places");
        assert_eq!(house.state.pool.inside(), 4);
        // Batches, streams and matches have no other door; what does not search has.
        for path in ["/v1/query:batch", "/v1/match"] {
            let key = if path == "/v1/match" { "captions" } else { "queries" };
            house.ask(path, json!({ key: [] })).await.problem(503, "overloaded", None);
            house.send(bodies::stream(path, "{}")).await.problem(503, "overloaded", None);
        }
        house.post("/v1/explain", query()).await.problem(503, "overloaded", None);
        house.post("/v1/vectors:search", query()).await.problem(503, "overloaded", None);
        for path in ["/", "/check", "/explain?split=semantics_clip_text_text&id=0"] {
            let page = house.get(path).await;
            let header = |name| page.header(name);
            assert_eq!(
                (page.status.as_u16(), header("retry-after"), header("content-type")),
                (503, "1", "text/html; charset=utf-8")
            );
            assert!(String::from_utf8_lossy(&page.bytes).contains("Too many requests at once"));
        }
        house.get("/readyz").await.ok();
        house.get("/v1/samples/0").await.ok();
        let metrics = String::from_utf8(house.get("/metrics").await.bytes.to_vec()).unwrap();
        assert!(metrics.contains("mispair_requests_shed_total 26\n"), "{metrics}");
        assert!(metrics.contains("mispair_pool_inside 4\n"));
        busy.go_on.send(()).unwrap();
        for task in waiting {
            task.await.unwrap().ok();
        }
        drop(busy);
        house.post("/v1/query", query()).await.ok();
    });
}

#[test]
fn what_takes_too_long() {
    let house = House::new(|config| {
        config.limits.threads = 1;
        config.limits.queue = 2;
        config.timeouts.request_ms = 20;
        config.timeouts.batch_ms = 30;
    });
    block(async {
        let busy = blocked(&house);
        house.post("/v1/query", query()).await.problem(504, "timeout", None);
        // It keeps its place until its turn comes: who goes away does not make room for more work than there is time for.
        assert_eq!(house.state.pool.inside(), 2);
        house
            .ask("/v1/query:batch", json!({ "queries": [{ "modality": "clip-image", "id": 0 }] }))
            .await
            .problem(504, "timeout", None);
        assert_eq!(house.state.pool.inside(), 3);
        house.post("/v1/query", query()).await.problem(503, "overloaded", None);
        busy.go_on.send(()).unwrap();
        drop(busy);
        while house.state.pool.inside() > 0 {
            tokio::task::yield_now().await;
        }
        let metrics = String::from_utf8(house.get("/metrics").await.bytes.to_vec()).unwrap();
        assert!(metrics.contains("mispair_requests_timed_out_total 2\n"), "{metrics}");
    });
}

/// A body that does not come is not waited for.
#[test]
fn a_body_that_does_not_come() {
    let house = House::new(|config| config.timeouts.body_ms = 20);
    block(async {
        let (sender, body) = bodies::open();
        sender.send("{".into()).unwrap();
        let reply = house.post("/v1/query", body).await;
        reply.problem(408, "body-timeout", None);
        assert_eq!(reply.header("connection"), "close");
        assert_eq!(house.state.pool.inside(), 0);
        let (sender, body) = bodies::open();
        sender.send("{}\n".into()).unwrap();
        let lines = house.send(bodies::stream("/v1/query:batch", body)).await.ok_lines();
        assert_eq!((lines.len(), &lines[1]["status"]), (2, &json!(408)));
        drop(sender);
    });
}

#[test]
fn a_daemon_that_stops_is_not_ready_and_answers_what_still_comes() {
    let house = House::new(|_| {});
    block(async {
        house.get("/readyz").await.ok();
        house.state.stop();
        assert_eq!(house.get("/readyz").await.problem(503, "stopping", None)["title"], "The daemon is stopping");
        house.post("/v1/query", query()).await.ok();
        house.get("/livez").await.ok();
    });
}
