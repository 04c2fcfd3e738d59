//! A bucket or static web server: files that anybody may read, without an index and without redirects.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::header;
use actix_web::web;
use actix_web::{HttpRequest, HttpResponse};
use anyhow::Context as _;

use crate::lock;
use crate::oidc::Endless;
use crate::serve::LocalServer;

/// What the bucket does with every request instead of serving the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BucketFault {
    /// A response with this status and without JSON, such as 403, which S3 returns for missing objects.
    Status(u16),
    /// A redirect to this URL.
    Redirect(String),
    /// 200 with a page, as a server with a fallback page returns.
    Html,
    /// This many bytes of JSON that does not end before.
    Huge(usize),
    /// No response for this time.
    Slow(Duration),
}

#[derive(Default)]
struct Content {
    files: BTreeMap<String, (Vec<u8>, String)>,
    fault: Option<BucketFault>,
    requests: usize,
}

/// A running bucket. Dropping it stops the server.
pub struct Bucket {
    server: LocalServer,
    content: Arc<Mutex<Content>>,
}

impl Bucket {
    /// Starts an empty bucket on any free port.
    ///
    /// # Errors
    /// If no port is free.
    pub fn start() -> anyhow::Result<Self> {
        let content: Arc<Mutex<Content>> = Arc::default();
        let served = Arc::clone(&content);
        let server = LocalServer::start(0, move |routes| {
            let content = Arc::clone(&served);
            routes.default_service(web::to(move |request: HttpRequest| {
                respond(Arc::clone(&content), request)
            }));
        })?;
        Ok(Self { server, content })
    }

    /// Origin, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Uploads a file with the content type `application/json`, or replaces it.
    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) {
        let file = (body.into(), "application/json".to_owned());
        lock(&self.content).files.insert(path.to_owned(), file);
    }

    /// Deletes a file.
    pub fn delete(&self, path: &str) {
        lock(&self.content).files.remove(path);
    }

    /// A file, as text.
    pub fn get(&self, path: &str) -> Option<String> {
        let content = lock(&self.content);
        let (body, _) = content.files.get(path)?;
        Some(String::from_utf8_lossy(body).into_owned())
    }

    /// Uploads these files of a directory, below a prefix that is empty or begins with a slash.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn upload(&self, folder: &Path, prefix: &str, files: &[&str]) -> anyhow::Result<()> {
        for file in files {
            let path = folder.join(file);
            let body = std::fs::read(&path).with_context(|| path.display().to_string())?;
            self.put(&format!("{prefix}/{file}"), body);
        }
        Ok(())
    }

    /// Sets or clears the fault.
    pub fn set_fault(&self, fault: Option<BucketFault>) {
        lock(&self.content).fault = fault;
    }

    /// Number of requests so far.
    pub fn requests(&self) -> usize {
        lock(&self.content).requests
    }
}

async fn respond(content: Arc<Mutex<Content>>, request: HttpRequest) -> HttpResponse {
    let (file, fault) = {
        let mut content = lock(&content);
        content.requests += 1;
        (
            content.files.get(request.path()).cloned(),
            content.fault.clone(),
        )
    };
    match fault {
        None => {}
        Some(BucketFault::Status(status)) => {
            let status = actix_web::http::StatusCode::from_u16(status).unwrap_or_default();
            return HttpResponse::build(status)
                .content_type("application/xml")
                .body("<Error/>");
        }
        Some(BucketFault::Redirect(to)) => {
            return HttpResponse::Found()
                .insert_header((header::LOCATION, to))
                .finish();
        }
        Some(BucketFault::Html) => {
            return HttpResponse::Ok()
                .content_type("text/html")
                .body("<!doctype html><title>Home</title>");
        }
        Some(BucketFault::Huge(left)) => {
            return HttpResponse::Ok()
                .content_type("application/json")
                .body(Endless { left });
        }
        Some(BucketFault::Slow(delay)) => actix_web::rt::time::sleep(delay).await,
    }
    match file {
        Some((body, content_type)) => HttpResponse::Ok().content_type(content_type).body(body),
        None => HttpResponse::NotFound().finish(),
    }
}
