//! Requests to a bucket that says what it is asked, and signatures as botocore makes them.

use super::super::tests::bucket::{BUCKET, Bucket as Server, KEY, SECRET, error};
use super::super::tests::stub::{Reply, Stub};
use super::credentials::{Credentials, Source};
use super::*;
use serde_json::{Value, json};
use std::cell::Cell;

const NOTHING: &dyn Fn(u64) = &|_| ();

fn keys() -> Keys {
    Keys::lasting(KEY.to_string(), SECRET.to_string(), None)
}

fn bucket(endpoint: &str) -> Bucket {
    let address = format!("s3://{BUCKET}/qqp").parse().unwrap();
    Bucket::new(address, S3Settings::of(endpoint, keys())).unwrap()
}

fn fetched(bucket: &Bucket, name: &str, size: u64) -> Result<Option<Vec<u8>>, DataError> {
    let mut bytes = Vec::new();
    let found = bucket.fetch(name, size, &mut bytes, NOTHING)?;
    Ok(found.then_some(bytes))
}

/// Amazon's own examples ("Signature Calculations for the Authorization Header", S3's reference).
#[test]
fn signatures_are_those_of_amazons_examples() {
    let example =
        Keys::lasting("AKIAIOSFODNN7EXAMPLE".to_string(), "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_string(), None);
    let range = [("range", "bytes=0-9".to_string())];
    let list = [("max-keys", "2".to_string()), ("prefix", "J".to_string())];
    let lifecycle = [("lifecycle", String::new())];
    for (path, query, headers, expected) in [
        ("/test.txt", &[][..], &range[..], "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        ("/", &list[..], &[][..], "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        ("/", &lifecycle[..], &[][..], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
    ] {
        let host = "examplebucket.s3.amazonaws.com";
        let request = Unsigned { method: "GET", host, path, query, headers, body: b"" };
        // 2013-05-24.
        let headers = signed(&request, &example, "us-east-1", "s3", 1_369_353_600);
        let (_, header) = headers.iter().find(|(name, _)| *name == "authorization").unwrap();
        assert!(header.ends_with(&format!("Signature={expected}")), "{header}");
    }
}

#[test]
fn signatures_are_those_of_botocore() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../../../tests/reference/s3.json")).unwrap();
    assert!(cases.len() > 10);
    for case in &cases {
        let text = |name: &str| case[name].as_str().unwrap_or_default().to_string();
        let pairs = |name: &str| -> Vec<(&'static str, String)> {
            let pairs = case[name].as_object().unwrap().iter();
            // Names are few, and of the program's own.
            pairs.map(|(name, value)| (&*name.clone().leak(), value.as_str().unwrap().to_string())).collect()
        };
        let (query, headers, body) = (pairs("query"), pairs("headers"), text("body"));
        let keys = Keys::lasting(text("id"), text("secret"), case["token"].as_str().map(str::to_string));
        let (method, host, path) = (text("method"), text("host"), quoted(&text("path"), true));
        let request = Unsigned {
            method: &method,
            host: &host,
            path: &path,
            query: &query,
            headers: &headers,
            body: body.as_bytes(),
        };
        let time = case["time"].as_u64().unwrap();
        let made = signed(&request, &keys, &text("region"), &text("service"), time);
        let (_, header) = made.iter().find(|(name, _)| *name == "authorization").unwrap();
        assert_eq!(*header, text("authorization"), "{case}");
    }
}

#[test]
fn a_name_is_given_once_and_by_whoever_is_first() {
    let server = Server::start();
    let bucket = bucket(server.endpoint());
    bucket.greet().unwrap();
    assert_eq!((bucket.size("v1/a b").unwrap(), bucket.read("v1/a b", 100).unwrap()), (None, None));
    assert_eq!(bucket.put("v1/a b", b"first", false).unwrap(), Put::New);
    assert_eq!(bucket.put("v1/a b", b"second", false).unwrap(), Put::There);
    assert_eq!(bucket.read("v1/a b", 100).unwrap().unwrap(), b"first");
    assert_eq!(bucket.put("v1/a b", b"other", true).unwrap(), Put::New);
    assert_eq!((bucket.size("v1/a b").unwrap(), server.names()), (Some(5), vec!["qqp/v1/a b".to_string()]));
    for number in 0..20 {
        bucket.put(&format!("v1/x{number:02}"), &vec![0; number], false).unwrap();
    }
    let listed = bucket.list("v1/x").unwrap();
    let sizes: Vec<u64> = listed.values().map(|listed| listed.bytes).collect();
    assert_eq!(sizes, (0..20).collect::<Vec<u64>>());
    assert!(listed.contains_key("07") && listed["07"].modified == 1_582_977_600);
    bucket.remove("v1/x07").unwrap();
    bucket.remove("v1/x07").unwrap();
    assert_eq!(bucket.list("v1/x").unwrap().len(), 19);
    // A server that does not know the condition.
    server.without_conditions();
    assert_eq!(bucket.put("v1/new", b"first", false).unwrap(), Put::New);
}

#[test]
fn what_is_large_goes_in_parts_that_nobody_sees_before_the_last() {
    let server = Server::start();
    let bucket = bucket(server.endpoint());
    assert_eq!((Bucket::part_of(PART), Bucket::part_of(PART + 1)), (None, Some(PART)));
    assert_eq!(Bucket::part_of(PART * MOST_PARTS * 2), Some(2 * PART));
    let send = |over: bool| {
        let mut upload = bucket.upload("v1/large").unwrap();
        upload.part(b"one").unwrap();
        upload.part(b"two & \"three\"").unwrap();
        upload.finish(over)
    };
    server.fault("partNumber=2", 1, Reply::status(503).header("retry-after", "0"));
    assert_eq!(send(false).unwrap(), Put::New);
    assert_eq!(server.content("qqp/v1/large").unwrap(), b"onetwo & \"three\"");
    assert_eq!(send(false).unwrap(), Put::There);
    assert_eq!(send(true).unwrap(), Put::New);
    // It says that it has failed in an answer that is none.
    server.fault("POST /lab-cache/qqp/v1/large?uploadId", 1, Reply { status: 200, ..error(200, "InternalError", "") });
    assert_eq!(send(true).unwrap(), Put::New);
    // The answer was lost, and then there is no upload of that number any more.
    let upload = bucket.upload("v1/large").unwrap();
    bucket.abort("v1/large", &upload.id).unwrap();
    server.fault("POST /lab-cache/qqp/v1/large?uploadId", 1, Reply::status(0));
    assert_eq!(upload.finish(false).unwrap(), Put::New);
    assert_eq!(server.unfinished(), 0);
    let left = bucket.upload("v1/left").unwrap();
    let unfinished = bucket.unfinished("v1/").unwrap();
    assert_eq!((unfinished.len(), unfinished[0].name.as_str(), unfinished[0].id == left.id), (1, "v1/left", true));
    bucket.forget(&unfinished[0]).unwrap();
    assert_eq!(server.unfinished(), 0);
}

#[test]
fn bytes_that_break_off_are_gone_on_with() {
    let server = Server::start();
    let bucket = bucket(server.endpoint());
    let whole: Vec<u8> = (0..300_000u32).map(|byte| (byte % 251) as u8).collect();
    bucket.put("v1/x", &whole, false).unwrap();
    let came = Cell::new(0);
    for cut in [100_000, 150_000] {
        server.cut("GET /lab-cache/qqp/v1/x", cut);
    }
    let mut bytes = Vec::new();
    assert!(bucket.fetch("v1/x", 300_000, &mut bytes, &|length| came.set(came.get() + length)).unwrap());
    assert!(bytes == whole && came.get() == 300_000, "{} bytes", bytes.len());
    let starts: Vec<Option<String>> = (server.requests().iter())
        .filter(|request| request.line() == "GET /lab-cache/qqp/v1/x")
        .map(|request| request.header("range").map(str::to_string))
        .collect();
    assert_eq!(starts, [None, Some("bytes=100000-".to_string()), Some("bytes=250000-".to_string())]);
    // A server that sends all of it again.
    let stub = Stub::start(vec![(
        "/lab-cache/qqp/v1/x",
        vec![Reply { cut: Some(1000), ..Reply::ok(&whole) }, Reply { ignores_range: true, ..Reply::ok(&whole) }],
    )]);
    let other = self::bucket(&stub.address);
    assert!(fetched(&other, "v1/x", 300_000).unwrap().unwrap() == whole);
    assert_eq!(fetched(&bucket, "v1/none", 3).unwrap(), None);
    for (size, words) in [(299_999, "is longer than"), (300_001, "is shorter than")] {
        let error = fetched(&bucket, "v1/x", size).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("s3://lab-cache/qqp/v1/x"), "{error}");
    }
}

#[test]
fn busy_servers_are_waited_for_and_refusals_are_told_without_keys() {
    let server = Server::start();
    let bucket = bucket(server.endpoint());
    for (status, times) in [(503, 3), (429, 1), (500, 1)] {
        server.fault("GET", times, Reply::status(status).header("retry-after", "0"));
        bucket.greet().unwrap();
    }
    server.fault("PUT", 1, Reply::status(0));
    assert_eq!(bucket.put("v1/x", b"x", false).unwrap(), Put::New);
    server.fault("PUT", 1, error(409, "ConditionalRequestConflict", "at the same time"));
    assert_eq!(bucket.put("v1/x", b"x", false).unwrap(), Put::There);
    server.fault("PUT", 100, Reply::status(503));
    let refused = bucket.put("v1/x", b"x", false).unwrap_err().to_string();
    assert!(refused.contains("answered 503 for s3://lab-cache/qqp/v1/x"), "{refused}");
    server.forgive();
    let before = server.lines("PUT").len();
    server.keys(&[]);
    for refused in
        [bucket.greet().unwrap_err(), bucket.size("v1/x").unwrap_err(), bucket.put("v1/y", b"", false).unwrap_err()]
    {
        let text = refused.to_string();
        assert!(text.contains("403 InvalidAccessKeyId (The AWS Access Key Id … does not exist"), "{text}");
        assert!(!text.contains(KEY) && !format!("{refused:?}").contains(KEY), "{text}");
    }
    assert!(server.lines("PUT").len() <= before + 1, "refusals are not tried again");
    let elsewhere =
        Bucket::new("s3://other-bucket".parse().unwrap(), S3Settings::of(server.endpoint(), keys())).unwrap();
    server.keys(&[KEY]);
    for refused in [elsewhere.greet().unwrap_err(), elsewhere.read("v1/x", 9).unwrap_err()] {
        assert!(refused.to_string().contains("404 NoSuchBucket (The specified bucket does not exist)"), "{refused}");
    }
    let nobody = self::bucket("http://127.0.0.1:9").greet().unwrap_err();
    assert!(matches!(nobody, DataError::Unreachable { .. }), "{nobody}");
}

#[test]
fn addresses_are_those_that_amazon_and_others_serve() {
    let root = |address: &str, endpoint: Option<&str>, path_style: Option<bool>, region: &str| {
        let settings = S3Settings {
            endpoint: endpoint.map(str::to_string),
            path_style,
            region: region.to_string(),
            ..S3Settings::of("", keys())
        };
        let (host, path) = Bucket::new(address.parse().unwrap(), settings).unwrap().root(region);
        format!("{host}{path}")
    };
    assert_eq!(root("s3://lab/x", None, None, "eu-west-1"), "https://lab.s3.eu-west-1.amazonaws.com/");
    assert_eq!(root("s3://a.lab/x", None, None, "us-east-1"), "https://s3.us-east-1.amazonaws.com/a.lab");
    assert_eq!(root("s3://lab", None, None, "cn-north-1"), "https://lab.s3.cn-north-1.amazonaws.com.cn/");
    assert_eq!(root("s3://lab", Some("https://minio:9000"), None, "x"), "https://minio:9000/lab");
    assert_eq!(root("s3://lab", Some("https://minio/store"), None, "x"), "https://minio/store/lab");
    assert_eq!(root("s3://lab", Some("https://me:planted@minio"), None, "x"), "https://minio/lab");
    assert_eq!(root("s3://lab", Some("https://minio"), Some(false), "x"), "https://lab.minio/");
}

/// A server that gives keys as containers, instances and the token service do, each good for an hour.
fn giver() -> Stub {
    let given = |id: &str, ends: &str| {
        let told = json!({"AccessKeyId": id, "SecretAccessKey": SECRET, "Token": "planted-token", "Expiration": ends});
        Reply::ok(told.to_string().as_bytes())
    };
    let (late, soon) = ("2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z");
    let role = format!(
        "<R><Credentials><AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>\
         <SessionToken>planted&amp;token</SessionToken><Expiration>{late}</Expiration></Credentials></R>"
    );
    Stub::start(vec![
        ("/container", vec![given(KEY, soon), given(KEY, late)]),
        ("PUT /latest/api/token", vec![Reply::ok(b"planted-instance-token")]),
        ("/latest/meta-data/iam/security-credentials/", vec![Reply::ok(b"lab-role\n")]),
        ("/latest/meta-data/iam/security-credentials/lab-role", vec![given(KEY, late)]),
        ("POST /", vec![Reply::ok(role.as_bytes())]),
    ])
}

#[test]
fn keys_of_containers_instances_and_web_identities_are_asked_for_and_renewed() {
    let stub = giver();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "planted-web+token\n").unwrap();
    let url = format!("{}/container", stub.address);
    let container = Credentials::new(Source::Container { url, token: Some("Basic x".to_string()), file: None });
    for asked in [1, 2, 2] {
        // The first ones have ended.
        let keys = container.keys().map_err(|failure| failure.error.to_string()).unwrap();
        assert_eq!((keys.id.as_str(), keys.token.as_deref()), (KEY, Some("planted-token")));
        assert_eq!(stub.lines().len(), asked);
    }
    assert!(container.forget(&container.keys().map_err(|_| ()).unwrap()));
    container.keys().map_err(|_| ()).unwrap();
    assert_eq!(stub.lines().len(), 3);
    assert_eq!(stub.requests()[0].header("authorization"), Some("Basic x"));

    let instance = Credentials::new(Source::Instance { endpoint: stub.address.clone() });
    assert_eq!(instance.keys().map_err(|_| ()).unwrap().id, KEY);
    let asked = stub.requests().pop().unwrap();
    assert_eq!(asked.header("x-aws-ec2-metadata-token"), Some("planted-instance-token"));
    assert!(asked.line().ends_with("/security-credentials/lab-role"));

    let (role, session) = ("arn:aws:iam::1:role/x".to_string(), "me".to_string());
    let web = Source::WebIdentity { file, role, session, endpoint: stub.address.clone() };
    let keys = Credentials::new(web).keys().map_err(|failure| failure.error.to_string()).unwrap();
    assert_eq!((keys.token.as_deref(), keys.ends.is_some()), (Some("planted&token"), true));
    let body = String::from_utf8(stub.requests().pop().unwrap().body).unwrap();
    assert!(
        body.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&") && body.contains("planted-web%2Btoken"),
        "{body}"
    );

    let why = |source: Source| Credentials::new(source).keys().err().unwrap().error.to_string();
    let none = why(Source::None);
    assert!(none.contains("set AWS_ACCESS_KEY_ID"), "{none}");
    let closed = why(Source::Instance { endpoint: "http://127.0.0.1:9".to_string() });
    assert_eq!(closed, none);
    let plain = why(Source::Container { url: "http://keys.example/x".to_string(), token: None, file: None });
    assert!(plain.contains("by plain http"), "{plain}");
    let gone = why(Source::Container {
        url: format!("{}/gone", stub.address),
        token: Some("planted".to_string()),
        file: None,
    });
    assert!(gone.contains("answered 404 for the container's keys") && !gone.contains("planted"), "{gone}");
}
