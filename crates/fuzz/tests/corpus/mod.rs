//! Where the mutations begin: valid frames of both sides, everything that people type, nasty bytes.

/// Small pieces that parsers care about.
pub(crate) const TOKENS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\t",
    b"\0",
    b"\x1b[31m",
    b"\x1b]0;x\x07",
    b"\x7f",
    b"\xff",
    b"\xff\xff",
    b"\xff\xfb\x01",
    b"\xff\xfa\x1f\xff\xf0",
    b"\xff\xf4\xff\xfd\x06",
    b"\r\n\r\n\0\r\nQUIT\n",
    b"\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\x04\xd2\x13\x88",
    b"\x20\x00\x00\x00",
    b"\x16\x03\x01",
    b"\xc2\x9b2J",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xe2\x80\xae",
    b"\xe2\x81\xa6",
    b"\xe2\x80\xa8",
    b"\xe2\x80\x8b",
    b"\xef\xbb\xbf",
    b"\xf3\xa0\x81\x81",
    b"\xcc\x81",
    b"\xf0\x9f\x91\x8b",
    b"{",
    b"}",
    b"[",
    b"[[[[[[[[",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"\\u001b",
    b"\\u202e",
    b":",
    b",",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551615",
    b"9007199254740993",
    b"\"id\":1,",
    b"\"room\":\"lobby\"",
    b"\"user\":\"bob\"",
    b"\"text\":\"hi\"",
    b"\"seq\":5",
    b"\"epoch\":2",
    b"/",
    b"//",
    b"@bob ",
    b"/join ",
    b"/me ",
    b"#",
    b"GET / HTTP/1.1",
    b"NICK x",
    b"CAP LS",
    b"\x16\x03\x01",
];

const CLIENT: &[&str] = &[
    r#"{"cmd":"hello","id":1,"versions":[1],"name":"ann","instance":"07070707070707070707070707070707","resume":"01010101010101010101010101010101"}"#,
    r#"{"cmd":"hello","id":2,"versions":[99,1]}"#,
    r#"{"cmd":"join","id":3,"room":"work","after":{"room_id":9,"epoch":1,"seq":2},"retention":"none"}"#,
    r#"{"cmd":"join","id":4,"user":"bob"}"#,
    r#"{"cmd":"leave","id":5,"room":"work"}"#,
    r#"{"cmd":"send","id":6,"room":"lobby","text":"hi \ud83d\udc4b\nthere","counter":7}"#,
    r#"{"cmd":"send","id":7,"user":"bob","text":"waves","kind":"action"}"#,
    r#"{"cmd":"history","id":8,"room":"lobby","page":{"before":7},"limit":5}"#,
    r#"{"cmd":"history","room":"lobby","page":"latest"}"#,
    r#"{"cmd":"rooms","id":9,"after":"m"}"#,
    r#"{"cmd":"members","id":10,"room":"lobby"}"#,
    r#"{"cmd":"users","id":11}"#,
    r#"{"cmd":"ping","id":12,"something_newer":[1,2]}"#,
    r#"{"cmd":"quit"}"#,
    r#"{"cmd":"dance","id":13}"#,
];

/// As one session: each line meets the state that those before it made. The first join of the core
/// has the number 2, its sends follow.
const SERVER: &[&str] = &[
    r#"{"ev":"joined","id":2,"room":"lobby","room_id":9,"epoch":1,"seq":4,"catch_up":"live","retention":"forever","members":1,"created":false}
{"ev":"message","room":"lobby","room_id":9,"epoch":1,"seq":5,"time":8,"from":{"id":2,"name":"bob"},"kind":"text","text":"hi"}
{"ev":"sent","id":3,"room_id":9,"epoch":1,"seq":6,"time":7,"repeated":false}
{"ev":"message","room":"lobby","room_id":9,"epoch":1,"seq":9,"time":8,"from":{"id":2,"name":"bob"},"kind":"action","text":"waves"}
{"ev":"joined","id":8,"room":"lobby","room_id":9,"epoch":1,"seq":9,"catch_up":"pages","retention":"forever","members":2,"created":false}
{"ev":"page","room_id":9,"events":[{"room_id":9,"epoch":1,"seq":7,"time":8,"from":{"id":2,"name":"bob"},"kind":"text","text":"a"},{"room_id":9,"epoch":1,"seq":8,"time":8,"from":{"id":2,"name":"bob"},"kind":"text","text":"b"}]}
{"ev":"live","room_id":9,"epoch":1,"seq":8}
{"ev":"message","user":"ann","room_id":11,"epoch":1,"seq":1,"time":8,"from":{"id":2,"name":"bob"},"kind":"text","text":"psst"}"#,
    r#"{"ev":"joined","id":2,"room":"lobby","room_id":9,"epoch":1,"seq":0,"catch_up":"reset","retention":"none","members":1,"created":true}
{"ev":"member","room":"lobby","user":{"id":2,"name":"bob"},"change":"joined","members":2}
{"ev":"count","room":"lobby","members":300}
{"ev":"error","id":3,"code":"not_stored","next":"retry","text":"no"}
{"ev":"error","id":4,"code":"text_invalid","next":"correct","text":"no","suggestion":"x"}
{"ev":"left","id":5,"room":"lobby"}
{"ev":"pong","id":6,"time":77}
{"ev":"history","id":7,"room":"lobby","events":[],"more":false}
{"ev":"rooms","id":8,"rooms":[{"room":"lobby","members":1,"retention":"forever"}],"next":"x"}
{"ev":"members","id":9,"room":"lobby","members":[{"id":2,"name":"bob"}],"count":1}
{"ev":"users","id":10,"users":[{"id":2,"name":"bob"}],"count":1}
{"ev":"close","code":"shutdown","next":"resume","text":"bye"}"#,
    r#"{"ev":"welcome","id":1,"version":1,"server":"x","user":{"id":3,"name":"ann"},"resume":"02020202020202020202020202020202","resumed":true,"epoch":2,"lobby":"lobby","rooms":["work"],"privates":["bob"],"limits":{"frame_bytes":1,"text_bytes":1,"text_lines":1,"sends_in_flight":0,"page":1},"time":1}"#,
];

const TYPED: &[&str] = &[
    "\u{1}ann\nhello\n/join work nohistory\n/me waves\n/who\n/rooms\n/users\n/history 5\n@bob hi\n/msg bob hi\n",
    "\u{0}ann\n/help\n/?\n/time\n/sync\n/shout all\n//slash\n/leave\n/part\n/jion x\n/login secret\n/quit\n",
    "\u{3}bdct txt hi all\nonline clients\nexit\nq\n/list\n/j #x\n/history 0\n/msg\n@bob\n@ x\n\n  \n",
    "\u{2}LOGIN bob\nsecret one\n/passwd\n/quit\n\n/register\n12345678\n12345678\n/login bob pw\n/logins\n",
    "\u{4}register bob 12345678 abcd-efgh-jkmn-pqrs\r\n/login bob\r\n/sync\r\n/private\r\n/ask bob\r\n",
    "\u{9}/accept bob\nconnect to bob\nend private bob\n/group g\n/invite bob\n/decline g\n/nick x y\n/policy open\n",
    "\u{7}he\u{1b}[Dllo\u{1b}[1;5C!\u{1b}OA\r\ntwo\r\n\u{9b}31m\n\u{202e}\n",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "NICK bob\r\nUSER a 0 * :A B\r\nCAP LS 302\r\nPASS the salt\r\n",
    "\u{5}Zo\u{eb} \u{674e}\u{96f7} p\u{430}ul haII stra\u{df}e o'neil a.b-c root server 7up #x a,b",
    "ann",
    "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} e\u{301} \u{fdfa}",
];

/// Everything, the tokens too.
pub(crate) fn all() -> Vec<Vec<u8>> {
    let texts = [CLIENT, SERVER, TYPED].concat();
    let mut corpus: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    corpus.extend(TOKENS.iter().map(|token| token.to_vec()));
    corpus.push(Vec::new());
    corpus.push((0..=255).collect());
    corpus.push(b"\x0f".iter().chain(&[b'x'; 200]).copied().collect());
    corpus.push(b"\x0f".iter().chain(b"xy\r").copied().collect());
    corpus.push("\u{1}ann\n".bytes().chain([b'x'; 300]).chain(*b"\n").collect());
    corpus.push("a\n".repeat(120).into_bytes());
    corpus.push(format!("{{\"cmd\":\"ping\",\"x\":{}", "[".repeat(500)).into_bytes());
    corpus.push("\u{fdfa}".repeat(20).into_bytes());
    corpus.push(event(&"x".repeat(31), "lobby", "two\nlines\twith\u{2}\u{202e}colours"));
    corpus.push(event("Zo\u{eb}", "\u{674e}\u{96f7}", "\u{1f44b} a\u{2066}b\u{200f}"));
    corpus
}

/// As `door_encode` reads it.
fn event(user: &str, room: &str, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (string, number) in [(user, 7), (room, 0), ("bob", 8)] {
        bytes.push(string.len() as u8);
        bytes.extend_from_slice(string.as_bytes());
        if number > 0 {
            bytes.extend_from_slice(&u64::to_be_bytes(number));
        }
    }
    for number in [3, 1_700_000_000_000, 42] {
        bytes.extend_from_slice(&u64::to_be_bytes(number));
    }
    bytes.push(1);
    bytes.extend_from_slice(text.as_bytes());
    bytes
}
