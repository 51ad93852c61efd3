//! A tiny HTTP server on this machine, for the tests of both kinds of download.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// A promised length other than the body's, to cut it off.
    pub length: Option<usize>,
}

impl Reply {
    pub fn ok(body: &[u8]) -> Reply {
        Reply { status: 200, headers: Vec::new(), body: body.to_vec(), length: None }
    }

    pub fn status(status: u16) -> Reply {
        Reply { status, ..Reply::ok(b"") }
    }

    /// A file as a hub serves it.
    pub fn hub_file(commit: &str, body: &[u8]) -> Reply {
        let etag = format!("\"{}\"", blake3::hash(body).to_hex());
        Reply { headers: vec![("x-repo-commit", commit.to_string()), ("etag", etag)], ..Reply::ok(body) }
    }
}

type Pages = HashMap<String, Vec<Reply>>;

/// Runs until the process ends. Each page's replies are given in turn, the last one for ever.
pub(super) struct Stub {
    pub address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Stub {
    pub fn start(pages: Vec<(&str, Vec<Reply>)>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut pages: Pages = pages.into_iter().map(|(path, replies)| (path.to_string(), replies)).collect();
        let log = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = answer(stream, &mut pages, &log);
            }
        });
        Stub { address, requests }
    }

    /// The head of every request so far, header names in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(mut stream: TcpStream, pages: &mut Pages, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while reader.read_line(&mut head)? > 2 {}
    let path = head.split(' ').nth(1).unwrap_or("/").to_string();
    log.lock().unwrap().push(head.clone());
    let reply = match pages.get_mut(&path) {
        Some(replies) if replies.len() > 1 => replies.remove(0),
        Some(replies) => replies[0].clone(),
        None => Reply::status(404),
    };
    let range = head.to_lowercase().split("range: bytes=").nth(1).map(|rest| rest.lines().next().unwrap().to_string());
    let (mut status, mut headers, mut body) = (reply.status, reply.headers, reply.body);
    if let Some((start, end)) = range.as_deref().filter(|_| status == 200).and_then(|range| range.split_once('-')) {
        let start: usize = start.parse().unwrap();
        let end = end.trim().parse().map_or(body.len(), |end: usize| body.len().min(end + 1));
        headers.push(("content-range", format!("bytes {start}-{}/{}", end.max(1) - 1, body.len())));
        body = body[start..end].to_vec();
        status = 206;
    }
    write!(stream, "HTTP/1.1 {status} x\r\nconnection: close\r\n")?;
    write!(stream, "content-length: {}\r\n", reply.length.unwrap_or(body.len()))?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    stream.write_all(&body)
}
