//! Nobody gets past the tokens: every route, every kind of bearer.

use crate::house::{House, block};
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request};
use mispair::daemon::Token;

const READ: &str = "the-read-token-0123456789";
const ADMIN: &str = "the-admin-token-0123456789";

fn guarded(read: bool, admin: bool) -> House {
    House::new(|config| {
        config.auth.read_token = read.then(|| Token::new(READ, "read").unwrap());
        config.auth.admin_token = admin.then(|| Token::new(ADMIN, "admin").unwrap());
    })
}

/// Every route of the document, and some that are none.
async fn routes() -> Vec<(Method, String)> {
    let document = House::new(|_| {}).get("/openapi.json").await.ok();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.push((method.to_uppercase().parse().unwrap(), path.replace("{id}", "0")));
        }
    }
    assert!(all.len() >= 15);
    for path in [
        "/",
        "/nowhere",
        "/v1/query",
        "/static/x.css",
        "/livez/",
        "/LIVEZ",
        "//livez",
        "/livez/../v1/indexes",
        "/v1/indexes;/livez",
        "/v1/%69ndexes",
        "/./livez",
        "/readyz%2f..%2fmetrics",
        "/v1/indexes?/livez",
        "/%6civez",
    ] {
        all.push((Method::GET, path.to_owned()));
        all.push((Method::OPTIONS, path.to_owned()));
        all.push((Method::TRACE, path.to_owned()));
    }
    all
}

async fn status(house: &House, method: &Method, path: &str, authorization: &[&[u8]]) -> u16 {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    for value in authorization {
        request = request.header("authorization", HeaderValue::from_bytes(value).unwrap());
    }
    let reply = house.send(request.body(Body::from("{}")).unwrap()).await;
    if reply.status == 401 {
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
        reply.problem(401, "unauthorized", None);
    }
    reply.status.as_u16()
}

#[test]
fn every_route_for_every_bearer() {
    block(async {
        let routes = routes().await;
        let bearer = |token: &str| format!("Bearer {token}").into_bytes();
        for (read, admin) in [(true, true), (true, false), (false, true)] {
            let house = guarded(read, admin);
            for (method, path) in &routes {
                let open = ["/livez", "/readyz"].contains(&path.as_str());
                let of = async |headers: &[&[u8]]| status(&house, method, path, headers).await;
                let (none, wrong) = (of(&[]).await, of(&[&bearer("a-wrong-token-0123456789")]).await);
                if open {
                    assert_eq!(
                        (none, wrong),
                        (if *method == Method::GET { 200 } else { 405 }, none),
                        "{method} {path}"
                    );
                    continue;
                }
                assert_eq!((none, wrong), (401, 401), "{method} {path}");
                let (as_reader, as_admin) = (of(&[&bearer(READ)]).await, of(&[&bearer(ADMIN)]).await);
                let reload = path == "/v1/reload" && *method == Method::POST;
                let expected_reader = if !read { Some(401) } else { reload.then_some(403) };
                match expected_reader {
                    Some(expected) => assert_eq!(as_reader, expected, "{method} {path}"),
                    None => assert!(![401, 403].contains(&as_reader), "{method} {path}: {as_reader}"),
                }
                match admin {
                    true => assert!(![401, 403].contains(&as_admin), "{method} {path}: {as_admin}"),
                    false => assert_eq!(as_admin, 401, "{method} {path}"),
                }
            }
        }
        // Without tokens everybody may ask, and nobody reload.
        let house = guarded(false, false);
        for (method, path) in &routes {
            let got = status(&house, method, path, &[]).await;
            let reload = path == "/v1/reload" && *method == Method::POST;
            assert_eq!((got == 403, got == 401), (reload, false), "{method} {path}");
        }
    });
}

#[test]
fn odd_spellings() {
    let house = guarded(true, true);
    block(async {
        let with = |template: &str| template.replace('@', READ).into_bytes();
        for good in ["Bearer @", "bearer @", "BEARER @", "bEaReR   @", "Bearer @  "] {
            assert_eq!(status(&house, &Method::GET, "/v1/indexes", &[&with(good)]).await, 200, "{good}");
        }
        for bad in [
            "@",
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Bearer:@",
            "Bearer=@",
            "Bearer@",
            "Bearer\t@",
            "Bearer @,",
            "Bearer @ x",
            "Bearer x @",
            "Bearer @@",
            "Bearer \"@\"",
            "Bearer '@'",
            "Basic @",
            "Token @",
            "Digest @",
            "Bearers @",
            "Bearer Bearer @",
            "Bearer, Bearer @",
            "Basic x, Bearer @",
            "Bearer token=@",
            "Bearer %40",
            "Bearer *",
            "Bearer ?",
            "Bearer null",
            "Bearer undefined",
            "Bearer true",
            "Bearer 0",
            "Bearer the-read-token",
            "Bearer the-read-token-012345678",
            "Bearer the-read-token-01234567890",
            "Bearer THE-READ-TOKEN-0123456789",
            "Bearer \u{a0}@",
            "Bearer @\u{a0}",
        ] {
            assert_eq!(status(&house, &Method::GET, "/v1/indexes", &[&with(bad)]).await, 401, "{bad}");
        }
        // Of two headers nobody knows which is meant.
        let (good, bad) = (with("Bearer @"), with("Bearer wrong-wrong"));
        for two in [[&good[..], &bad], [&bad, &good], [&good, &good]] {
            assert_eq!(status(&house, &Method::GET, "/v1/indexes", &two).await, 401);
        }
        assert_eq!(status(&house, &Method::GET, "/v1/indexes", &[b"Bearer \xff\xfe\x80token"]).await, 401);
        // Elsewhere it does not count.
        for path in [format!("/v1/indexes?access_token={READ}"), format!("/v1/indexes?token={READ}")] {
            assert_eq!(status(&house, &Method::GET, &path, &[]).await, 401);
        }
        for header in ["cookie", "x-authorization", "proxy-authorization", "x-api-key", "x-forwarded-authorization"] {
            let request =
                Request::get("/v1/indexes").header(header, format!("Bearer {READ}")).body(Body::empty()).unwrap();
            house.send(request).await.problem(401, "unauthorized", None);
        }
        for (header, value) in [
            ("x-forwarded-for", "127.0.0.1"),
            ("host", "localhost"),
            ("x-original-url", "/livez"),
            ("x-http-method-override", "GET"),
        ] {
            let request = Request::get("/v1/indexes").header(header, value).body(Body::empty()).unwrap();
            house.send(request).await.problem(401, "unauthorized", None);
        }
    });
}
