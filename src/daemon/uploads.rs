//! Forms that bring a file: `multipart/form-data`, read within bounds. The file stays in memory, and goes with its request.
//!
//! ```text
//! body ──► whole: as long as an image and a document may be, in the time of a body ──► its one file, its other fields as text
//! ```
//! The form is taken apart when all of it is there: its boundary is looked for once, however slowly the body comes.

use super::auth::own_page;
use super::bodies::{collected, media_type, roomy, unencoded};
use super::problem::{Kind, Problem};
use super::state::State;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, header};
use tokio::sync::OwnedSemaphorePermit;

/// Fields of a form: more than any has here.
const FIELDS: usize = 64;

/// What came.
pub(super) struct Sent {
    /// Names and values.
    pub fields: Vec<(String, String)>,
    /// `None` where none was chosen.
    pub file: Option<File>,
    /// Among all bodies; where there is a file, its bytes keep it.
    pub room: Option<OwnedSemaphorePermit>,
}

/// A file that came.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// As the sender calls it: to be shown, and no more.
    pub name: String,
    /// What is in it.
    pub bytes: Bytes,
}

/// Does the body say that it is such a form?
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| media_type(v) == "multipart/form-data")
}

/// Reads a form whose file is called `file`. Forms of other sites are not answered: encoding is work.
pub(super) async fn read(headers: &HeaderMap, body: Body, state: &State, file: &str) -> Result<Sent, Problem> {
    own_page(headers)?;
    unencoded(headers)?;
    if !is_form(headers) {
        return Err(Problem::new(Kind::UnsupportedMediaType, "send Content-Type: multipart/form-data"));
    }
    let limits = &state.config.limits;
    let of_file = usize::try_from(limits.image_bytes).unwrap_or(usize::MAX);
    let (whole, room) = collected(body, state, of_file.saturating_add(limits.body_bytes)).await?;
    let mut request = Request::new(Body::from(whole));
    if let Some(media_type) = headers.get(header::CONTENT_TYPE) {
        request.headers_mut().insert(header::CONTENT_TYPE, media_type.clone());
    }
    // Its length is bounded already.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let form = form.map_err(|e| Problem::new(Kind::Malformed, e.body_text()))?;
    let mut sent = all(form, file, of_file, limits.body_bytes).await?;
    match &mut sent.file {
        Some(file) => file.bytes = roomy(std::mem::take(&mut file.bytes), room),
        None => sent.room = Some(room),
    }
    Ok(sent)
}

async fn all(mut form: Multipart, file: &str, of_file: usize, of_others: usize) -> Result<Sent, Problem> {
    let mut sent = Sent { fields: Vec::new(), file: None, room: None };
    let (mut count, mut left) = (0, of_others);
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        count += 1;
        if count > FIELDS {
            return Err(Problem::new(Kind::Invalid, format!("a form of more than {FIELDS} fields")));
        }
        let name = field.name().unwrap_or_default().to_owned();
        if name == file {
            let name = field.file_name().unwrap_or_default().to_owned();
            let bytes = value(&mut field, of_file).await?;
            // A browser sends an empty one where none was chosen.
            if bytes.is_empty() {
                continue;
            }
            if sent.file.is_some() {
                return Err(Problem::invalid(file, "one file is expected, and there is another"));
            }
            sent.file = Some(File { name, bytes: bytes.into() });
        } else {
            let bytes = value(&mut field, left).await?;
            left -= bytes.len();
            let text = String::from_utf8(bytes).map_err(|_| Problem::invalid(&name, "a text in UTF-8 is expected"))?;
            sent.fields.push((name, text));
        }
    }
    Ok(sent)
}

async fn value(field: &mut Field<'_>, most: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > most {
            let name = field.name().unwrap_or_default();
            let detail = format!("the field {name:?} has more than the {most} bytes that this daemon reads");
            return Err(Problem::new(Kind::TooLarge, detail));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn broken(error: MultipartError) -> Problem {
    let kind = if error.status().as_u16() == 413 { Kind::TooLarge } else { Kind::Malformed };
    Problem::new(kind, format!("the form cannot be read: {}", error.body_text()))
}
