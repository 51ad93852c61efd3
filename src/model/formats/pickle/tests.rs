use super::*;

#[test]
fn objects_are_built_as_python_does() {
    // pickle.dumps({"a": [1, -2, 2**40], "b": (True, None, 3.5)}, protocol=2), and a shared list
    let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xff\x8a\x06\x00\x00\x00\x00\x00\x01e\
                  X\x01\x00\x00\x00bh\x02u.rest";
    let pickle = Pickle::read(bytes).unwrap();
    assert_eq!(pickle.length, bytes.len() - 4);
    let Object::Dict(entries) = pickle.root() else { panic!("{pickle:?}") };
    assert_eq!(pickle.text(entries[1].0), Some("b"));
    assert_eq!(entries[0].1, entries[1].1);
    let Object::List(numbers) = pickle.get(entries[0].1) else { panic!("{pickle:?}") };
    let numbers: Vec<&Object> = numbers.iter().map(|id| pickle.get(*id)).collect();
    assert_eq!(numbers, [&Object::Int(1), &Object::Int(-2), &Object::Int(1 << 40)]);
}

#[test]
fn whatever_else_a_pickle_asks_for_is_refused_by_name() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x80\x02cposix\nsystem\nX\x02\x00\x00\x00ls\x85R.", "the class `posix.system` (byte 2)"),
        (b"\x8c\x02os\x8c\x06system\x93.", "the class `os.system` (byte 12)"),
        (b"c__builtin__\neval\n.", "the class `__builtin__.eval`"),
        (b"ctorch._utils\n_rebuild_tensor_v3\n.", "_rebuild_tensor_v3"),
        (b"c\x1b[31m\nx\n.", "the class `\\u{1b}[31m.x`"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "the opcode NEWOBJ (0x81) (byte 28)"),
        (b"ios\nsystem\n.", "the opcode INST"),
        (b"I1\n.", "the opcode INT"),
        (b"\xff", "the opcode 0xff, which is none"),
        (b"N}b.", "byte 2"),
        (b"]}b.", "the opcode BUILD on something other"),
        (b"K\x01)R.", "a call of something other than a class"),
        (b"ctorch\nFloatStorage\nK\x05\x85R.", "a storage made on the spot"),
        (b"\x8a\x11aaaaaaaaaaaaaaaaa.", "more than 16 bytes"),
        (b"N()\x86.", "empty stack"),
        (b"N(0.", "the opcode POP"),
        (b"N(.", "empty stack"),
        (b"N\x86.", "empty stack"),
        (b"u.", "never set"),
        (b"}(Nu.", "without a value"),
        (b"N(NNu.", "other than a dict"),
        (b"h\x07.", "never remembered"),
        (b"X\xff\xff\xff\xffab", "breaks off after byte 0"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xffab", "breaks off"),
        (b"X\x01\x00\x00\x00\xff.", "UTF-8"),
        (b"cos", "breaks off"),
        (b"", "breaks off"),
        (b"N", "breaks off after byte 1"),
    ];
    for (bytes, part) in cases {
        let error = Pickle::read(bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{}: {error}", bytes.escape_ascii());
    }
}

#[test]
fn neither_depth_nor_number_exhausts_the_machine() {
    let deep = [&b")"[..], &b"\x85".repeat(500_000), b"."].concat();
    assert!(Pickle::read(&deep).is_ok());
    let many = b"N".repeat(MOST_OBJECTS + 2);
    assert!(Pickle::read(&many).unwrap_err().to_string().contains("objects"));
    // A list that holds itself.
    assert!(Pickle::read(b"]q\x00h\x00a.").is_ok());
    let marks = b"(".repeat(LONGEST + 1);
    assert!(Pickle::read(&marks).unwrap_err().to_string().contains("breaks off"));
}
